#include "config/key_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "config/checks.hpp"
#include "config/kinds.hpp"

namespace weir::config {
namespace {

struct SourceRow {
  std::string_view word;
  KeySource source;
  Check check;  // of the name; none: there is none
  std::string_view doc;
};

// In the order of KeySource.
constexpr std::array<SourceRow, 7> sources{{
    {"client_ip", KeySource::client_ip, nullptr, "the client's address, IPv6 by its /64"},
    {"host", KeySource::host, nullptr, "the host that is asked for"},
    {"global", KeySource::global, nullptr, "all callers together"},
    {"header", KeySource::header, check_field_name, "a request header"},
    {"cookie", KeySource::cookie, check_token, "a cookie"},
    {"jwt_claim", KeySource::jwt_claim, check_printable, "a claim of the verified token"},
    {"path_param", KeySource::path_param, check_printable, "a parameter of the route's path"},
}};
constexpr std::string_view forms =
    "client_ip, host, global, {header: NAME}, {cookie: NAME}, {jwt_claim: NAME}, "
    "{path_param: NAME}, or a list of these";

const SourceRow& row_of(KeySource source) noexcept {
  return sources[static_cast<std::size_t>(source)];
}

std::vector<std::string_view> words(bool with_name) {
  std::vector<std::string_view> out;
  for (const SourceRow& row : sources) {
    if ((row.check != nullptr) == with_name) out.push_back(row.word);
  }
  return out;
}

std::optional<KeyPart> read_word(const Reader& in) {
  const auto written = in.text();
  if (!written) return std::nullopt;
  const auto row = std::ranges::find(sources, *written, &SourceRow::word);
  if (row == sources.end()) {
    in.error(fmt::format("{} is not a key; write {}{}", in_quotes(*written), forms,
                         in.context().problems.did_you_mean(*written, words(false))));
    return std::nullopt;
  }
  if (row->check == nullptr) return KeyPart{row->source, {}};
  in.error(fmt::format("{} needs a name; write {{{}: NAME}}", in_quotes(*written), row->word));
  return std::nullopt;
}

std::optional<KeyPart> read_named(const Reader& in) {
  std::optional<KeyPart> out;
  std::size_t entries = 0;
  in.each_entry([&](const std::string& word, const Reader& value) {
    if (++entries > 1) return value.key_error("a key has one source; write a list to join several");
    const auto row = std::ranges::find(sources, word, &SourceRow::word);
    if (row == sources.end()) {
      return value.key_error(fmt::format("{} is not a key; write {}{}", in_quotes(word), forms,
                                         in.context().problems.did_you_mean(word, words(true))));
    }
    if (row->check == nullptr) {
      return value.key_error(fmt::format("{} takes no name; write it alone", in_quotes(word)));
    }
    auto name = value.text();
    if (!name) return;
    if (auto wrong = row->check(*name)) return value.error(std::move(*wrong));
    out = KeyPart{row->source, std::move(*name)};
  });
  if (entries == 0) in.error(fmt::format("is not a key; write {}", forms));
  return entries == 1 ? out : std::nullopt;
}

std::optional<KeyPart> read_part(const Reader& in) {
  return in.is_map() ? read_named(in) : read_word(in);
}

void read_caller_key(const Reader& in, Key& target) {
  Key read;
  read.parts.clear();
  if (!in.is_list()) {
    if (auto part = read_part(in)) read.parts.push_back(std::move(*part));
  } else {
    in.each_item([&](const Reader& item) {
      auto part = read_part(item);
      if (!part) return;
      if (std::ranges::find(read.parts, *part) != read.parts.end()) {
        return item.error("is given twice");
      }
      read.parts.push_back(std::move(*part));
    });
    if (!in.has_items()) in.error(fmt::format("must not be empty; write {}", forms));
  }
  if (read.parts.size() > CallerKey::most_parts) {
    in.error(fmt::format("has more than {} parts", CallerKey::most_parts));
  } else if (!read.parts.empty()) {
    target = std::move(read);
  }
}

Tree print_part(const KeyPart& part) {
  const SourceRow& row = row_of(part.source);
  if (row.check == nullptr) return Tree(row.word);
  Tree out = Tree::map();
  out.set(row.word, part.name);
  return out;
}

Tree print_key(const Key& key) {
  if (key.parts.size() == 1) return print_part(key.parts.front());
  Tree out = Tree::list();
  for (const KeyPart& part : key.parts) out.push(print_part(part));
  return out;
}

Tree part_forms() {
  Tree alone = Tree::list();
  for (const std::string_view word : words(false)) alone.push(word);
  Tree any = Tree::list();
  any.push(Tree::map({{"enum", std::move(alone)}}));
  for (const SourceRow& row : sources) {
    if (row.check == nullptr) continue;
    Tree name = text_schema();
    name.set("description", row.doc);
    Tree properties = Tree::map();
    properties.set(row.word, std::move(name));
    Tree required = Tree::list();
    required.push(row.word);
    Tree form = Tree::map({{"type", "object"}, {"additionalProperties", false}});
    form.set("properties", std::move(properties));
    form.set("required", std::move(required));
    any.push(std::move(form));
  }
  return any;
}

Tree key_schema() {
  Tree items = Tree::map();
  items.set("anyOf", part_forms());
  Tree any = part_forms();
  any.push(Tree::map({{"type", "array"},
                      {"items", std::move(items)},
                      {"minItems", std::int64_t{1}},
                      {"maxItems", static_cast<std::int64_t>(CallerKey::most_parts)},
                      {"uniqueItems", true}}));
  Tree out = Tree::map();
  out.set("anyOf", std::move(any));
  return out;
}

}  // namespace

Value key(Key& target) {
  return {.read = [&target](const Reader& in) { read_caller_key(in, target); },
          .print = [&target] { return print_key(target); },
          .schema = key_schema};
}

std::string key_fault(const Key& key, std::span<const std::string> path_params, bool after_jwt) {
  for (const KeyPart& part : key.parts) {
    if (part.source == KeySource::jwt_claim && !after_jwt) {
      return fmt::format("the key jwt_claim {} needs a jwt middleware before it in the list",
                         in_quotes(part.name));
    }
    if (part.source == KeySource::path_param &&
        std::ranges::find(path_params, part.name) == path_params.end()) {
      return fmt::format(
          "the key path_param {} is not a parameter of the path; name one there: {{{}}}",
          in_quotes(part.name), part.name);
    }
  }
  return "";
}

std::string to_text(const Key& key) {
  std::string out;
  for (const KeyPart& part : key.parts) {
    if (!out.empty()) out += " + ";
    out += row_of(part.source).word;
    if (!part.name.empty()) out += ' ' + part.name;
  }
  return out;
}

}  // namespace weir::config
