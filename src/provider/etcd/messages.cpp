#include "provider/etcd/messages.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <limits>
#include <utility>

#include "provider/etcd/base64.hpp"
#include "weir/auth/json_object.hpp"
#include "weir/base/text.hpp"

namespace weir::provider::etcd {
namespace {

namespace json = boost::json;

constexpr std::size_t most_complaint = 200;

std::string number(std::int64_t value) { return std::to_string(value); }

json::object key_range(std::string_view prefix) {
  return {{"key", base64_encode(prefix)}, {"range_end", base64_encode(end_of_prefix(prefix))}};
}

// One line of text for the log.
std::string one_line(std::string_view text) {
  std::string out(text.substr(0, most_complaint));
  for (char& c : out) c = static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  return out;
}

const json::object* object_in(const json::object& in, std::string_view name) {
  const json::value* found = auth::find(in, name);
  return found != nullptr ? found->if_object() : nullptr;
}

// An integer as the gateway writes it, a text; 0 where there is none. Nothing for anything else.
std::optional<std::int64_t> integer_in(const json::object& in, std::string_view name) {
  const json::value* found = auth::find(in, name);
  if (found == nullptr) return 0;
  std::optional<std::uint64_t> value;
  if (const json::string* text = found->if_string()) {
    value = parse_decimal(auth::view(*text));
  } else if (const std::int64_t* plain = found->if_int64(); plain != nullptr && *plain >= 0) {
    value = static_cast<std::uint64_t>(*plain);
  }
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!value || *value > most) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

bool is_true(const json::object& in, std::string_view name) {
  const json::value* found = auth::find(in, name);
  return found != nullptr && found->is_bool() && found->get_bool();
}

// "" where there is none; nothing where it is no base64.
std::optional<std::string> bytes_in(const json::object& in, std::string_view name) {
  if (auth::find(in, name) == nullptr) return std::string();
  const auto text = auth::text_of(in, name);
  return text ? base64_decode(*text) : std::nullopt;
}

// 0 where it has none.
std::optional<std::int64_t> revision_of(const json::object& answer) {
  const json::object* header = object_in(answer, "header");
  return header != nullptr ? integer_in(*header, "revision") : 0;
}

std::optional<KeyValue> key_value(const json::value& in) {
  const json::object* object = in.if_object();
  if (object == nullptr) return std::nullopt;
  auto key = bytes_in(*object, "key");
  auto value = bytes_in(*object, "value");
  const auto revision = integer_in(*object, "mod_revision");
  if (!key || key->empty() || !value || !revision) return std::nullopt;
  return KeyValue{std::move(*key), std::move(*value), *revision};
}

// False where one of them is none.
bool read_keys(const json::object& answer, std::vector<KeyValue>& out) {
  const json::value* list = auth::find(answer, "kvs");
  if (list == nullptr) return true;
  const json::array* keys = list->if_array();
  if (keys == nullptr) return false;
  for (const json::value& each : *keys) {
    auto one = key_value(each);
    if (!one) return false;
    out.push_back(std::move(*one));
  }
  return true;
}

std::string complaint_of(const json::object& answer) {
  const json::value* error = auth::find(answer, "error");
  if (error == nullptr) return {};
  if (const json::string* text = error->if_string()) return one_line(auth::view(*text));
  if (const json::object* object = error->if_object()) {
    if (const auto message = auth::text_of(*object, "message")) return one_line(*message);
  }
  return "an error without a message";
}

constexpr const char* not_etcd = "the answer is not what etcd's JSON gateway sends";

// The object, unless it is an error.
Parsed<json::object> answer_in(std::string_view text) {
  if (text.size() > most_message_bytes) return std::unexpected("the answer is larger than 64 MiB");
  auto answer = auth::parse_object(text);
  if (!answer) return std::unexpected(not_etcd);
  if (std::string complaint = complaint_of(*answer); !complaint.empty()) {
    return std::unexpected(std::move(complaint));
  }
  return std::move(*answer);
}

}  // namespace

std::string end_of_prefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xFF) end.pop_back();
  if (end.empty()) return std::string(1, '\0');  // up to the last key
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

std::string list_question(std::string_view prefix) { return json::serialize(key_range(prefix)); }

std::string newest_question(std::string_view prefix) {
  json::object out = key_range(prefix);
  out["limit"] = "1";
  out["keys_only"] = true;
  out["sort_target"] = "MOD";
  out["sort_order"] = "DESCEND";
  return json::serialize(out);
}

std::string key_question(std::string_view key) {
  return json::serialize(json::object{{"key", base64_encode(key)}});
}

std::string watch_question(std::string_view prefix, std::int64_t from_revision) {
  json::object create = key_range(prefix);
  create["start_revision"] = number(from_revision);
  create["progress_notify"] = true;
  return json::serialize(json::object{{"create_request", std::move(create)}});
}

std::string put_question(std::string_view key, std::string_view value,
                         std::optional<std::int64_t> if_revision) {
  const std::string name = base64_encode(key);
  json::object put{{"request_put", json::object{{"key", name}, {"value", base64_encode(value)}}}};
  json::object read{{"request_range", json::object{{"key", name}}}};
  json::object out{{"success", json::array{std::move(put)}}};
  if (if_revision) {
    out["compare"] = json::array{json::object{{"key", name},
                                              {"target", "MOD"},
                                              {"result", "EQUAL"},
                                              {"mod_revision", number(*if_revision)}}};
    out["failure"] = json::array{std::move(read)};
  }
  return json::serialize(out);
}

std::string token_question(std::string_view user, std::string_view password) {
  return json::serialize(json::object{{"name", user}, {"password", password}});
}

Parsed<Range> parse_range(std::string_view text) {
  const auto answer = answer_in(text);
  if (!answer) return std::unexpected(answer.error());
  Range out;
  const auto revision = revision_of(*answer);
  const auto count = integer_in(*answer, "count");
  if (!revision || *revision <= 0 || !count || !read_keys(*answer, out.keys)) {
    return std::unexpected(not_etcd);
  }
  out.revision = *revision;
  out.count = static_cast<std::uint64_t>(*count);
  return out;
}

Parsed<WatchMessage> parse_watch(std::string_view line) {
  const auto answer = answer_in(line);
  if (!answer) return std::unexpected(answer.error());
  const json::object* result = object_in(*answer, "result");
  if (result == nullptr) return std::unexpected(not_etcd);
  WatchMessage out;
  const auto compacted = integer_in(*result, "compact_revision");
  if (!compacted) return std::unexpected(not_etcd);
  out.compact_revision = *compacted;
  out.is_canceled = is_true(*result, "canceled");
  if (const auto reason = auth::text_of(*result, "cancel_reason")) out.reason = one_line(*reason);
  const json::value* list = auth::find(*result, "events");
  if (list == nullptr) return out;
  const json::array* events = list->if_array();
  if (events == nullptr) return std::unexpected(not_etcd);
  for (const json::value& each : *events) {
    const json::object* event = each.if_object();
    const json::value* kv = event != nullptr ? auth::find(*event, "kv") : nullptr;
    auto one = kv != nullptr ? key_value(*kv) : std::nullopt;
    if (!one) return std::unexpected(not_etcd);
    const auto type = auth::text_of(*event, "type").value_or("PUT");
    if (type != "PUT" && type != "DELETE") return std::unexpected(not_etcd);
    out.events.push_back({type == "DELETE", std::move(*one)});
  }
  return out;
}

Parsed<Put> parse_put(std::string_view text) {
  const auto answer = answer_in(text);
  if (!answer) return std::unexpected(answer.error());
  const auto revision = revision_of(*answer);
  if (!revision || *revision <= 0) return std::unexpected(not_etcd);
  Put out;
  out.done = is_true(*answer, "succeeded");
  if (out.done) {
    out.revision = *revision;
    return out;
  }
  const json::value* list = auth::find(*answer, "responses");
  const json::array* responses = list != nullptr ? list->if_array() : nullptr;
  if (responses == nullptr || responses->size() != 1 || !responses->front().is_object()) {
    return std::unexpected(not_etcd);
  }
  const json::object* range = object_in(responses->front().get_object(), "response_range");
  std::vector<KeyValue> keys;
  if (range == nullptr || !read_keys(*range, keys) || keys.size() > 1) {
    return std::unexpected(not_etcd);
  }
  if (!keys.empty()) out.is_revision = keys.front().mod_revision;
  return out;
}

Parsed<std::string> parse_token(std::string_view text) {
  const auto answer = answer_in(text);
  if (!answer) return std::unexpected(answer.error());
  const auto token = auth::text_of(*answer, "token");
  // It becomes the value of a field.
  const bool is_plain = token && !token->empty() && token->size() <= 8192 &&
                        token->find_first_not_of(
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                            "0123456789._-+/=~") == std::string_view::npos;
  if (!is_plain) return std::unexpected(not_etcd);
  return std::string(*token);
}

std::string complaint_in(std::string_view text) {
  if (text.size() > most_message_bytes) return {};
  const auto answer = auth::parse_object(text);
  return answer ? complaint_of(*answer) : std::string();
}

bool is_about_token(std::string_view complaint) noexcept {
  return complaint.contains("invalid auth token") || complaint.contains("user name is empty") ||
         complaint.contains("old revision");
}

}  // namespace weir::provider::etcd
