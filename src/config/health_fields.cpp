// upstreams.NAME.health_check and .outlier_detection.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "config/blocks.hpp"
#include "config/checks.hpp"
#include "config/kinds.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

constexpr std::uint64_t most_in_a_row = 1'000'000;
constexpr std::uint64_t lowest_status = 200;
constexpr std::uint64_t highest_status = 599;
constexpr std::size_t longest_body_text = 1024;
constexpr std::size_t longest_service = 255;

// `value`, or `null` for what `is_clear` says.
Value or_null(Value value, std::function<void()> clear, std::function<bool()> is_clear) {
  return {
      .read =
          [read = value.read, clear](const Reader& in) {
            if (in.is_null()) return clear();
            read(in);
          },
      .print = [print = value.print, is_clear] { return is_clear() ? Tree(nullptr) : print(); },
      .schema = [schema =
                     value.schema] { return any_of({Tree::map({{"type", "null"}}), schema()}); }};
}

Value text_or_null(std::string& target, Check check) {
  return or_null(
      text(target, check), [&target] { target.clear(); }, [&target] { return target.empty(); });
}

Wrong check_probe_target(std::string& written) {
  const bool is_clean =
      std::ranges::all_of(written, [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
  if (written.starts_with('/') && is_clean) return std::nullopt;
  return in_quotes(written) +
         " is not a path: write it as it is sent, like /healthz or /healthz?deep=1";
}

Wrong check_asking_method(std::string& written) {
  if (written == "CONNECT" || written == "TRACE") {
    return in_quotes(written) + " is not for checks; GET and HEAD are usual";
  }
  return check_method(written);
}

Wrong check_authority(std::string& written) {
  if (Wrong wrong = check_printable(written)) return wrong;
  const bool is_clean = std::ranges::none_of(
      written, [](char c) { return c == ' ' || c == '/' || c == '@' || c == ','; });
  if (is_clean) return std::nullopt;
  return in_quotes(written) + " is not a host: write NAME or NAME:port";
}

Wrong check_service(std::string& written) {
  if (written.empty()) return std::nullopt;
  if (written.size() > longest_service) return "must have 255 bytes at most";
  return check_printable(written);
}

Wrong check_body_text(std::string& written) {
  if (written.empty()) return "must not be empty; write null for any content";
  if (written.size() > longest_body_text) return "must have 1024 bytes at most";
  return std::nullopt;
}

// As field_values(), but as it is written: nothing of a client is there that a variable could
// stand for.
Value plain_field_values(std::vector<std::pair<std::string, std::string>>& target) {
  std::vector<Written> no_templates;
  Value out = field_values(target, no_templates);
  out.read = [&target](const Reader& in) {
    target.clear();
    in.each_entry([&target](const std::string& key, const Reader& value) {
      std::string name = key;
      if (iequals(name, "host")) {
        return value.key_error("write `host: NAME` in the health_check itself");
      }
      if (Wrong wrong = check_changeable_field_name(name)) {
        return value.key_error(std::move(*wrong));
      }
      if (std::ranges::any_of(target,
                              [&](const auto& each) { return iequals(each.first, name); })) {
        return value.key_error("the field is given twice");
      }
      auto written = value.text();
      if (!written) return;
      if (Wrong wrong = check_field_value(*written)) return value.error(std::move(*wrong));
      target.emplace_back(std::move(name), std::move(*written));
    });
  };
  return out;
}

// "200", or "200-399".
Parsed<StatusRange> parse_statuses(std::string_view written) {
  const std::size_t dash = written.find('-');
  const auto first = parse_count(trim(written.substr(0, dash)), lowest_status, highest_status);
  const auto last = dash == std::string_view::npos ? first
                                                   : parse_count(trim(written.substr(dash + 1)),
                                                                 lowest_status, highest_status);
  if (!first || !last) {
    return std::unexpected(in_quotes(written) +
                           " is neither a status of 200 to 599 nor a range like 200-399");
  }
  if (*last < *first) {
    return std::unexpected(
        fmt::format("{} ends before it begins; write {}-{}", in_quotes(written), *last, *first));
  }
  return StatusRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

Value expect_value(std::vector<StatusRange>& expect) {
  return {.read =
              [&expect](const Reader& in) {
                std::vector<StatusRange> out;
                in.each_item_or_text([&out](const Reader& item) {
                  const auto range = item.parse(parse_statuses);
                  if (!range) return;
                  if (std::ranges::find(out, *range) != out.end()) {
                    return item.error("these statuses are given twice");
                  }
                  out.push_back(*range);
                });
                if (in.is_list() && !in.has_items()) in.error("must not be empty");
                if (!out.empty()) expect = std::move(out);
              },
          .print =
              [&expect] {
                Tree out = Tree::list();
                for (const StatusRange& range : expect) {
                  if (range.first == range.last) {
                    out.push(std::int64_t{range.first});
                  } else {
                    out.push(fmt::format("{}-{}", range.first, range.last));
                  }
                }
                return out;
              },
          .schema =
              [] {
                return one_or_more(or_variable(
                    any_of({pattern_schema("^[2-5][0-9]{2} *(- *[2-5][0-9]{2})?$"),
                            Tree::map({{"type", "integer"},
                                       {"minimum", static_cast<std::int64_t>(lowest_status)},
                                       {"maximum", static_cast<std::int64_t>(highest_status)}})})));
              }};
}

Fields fields(HealthCheck& check) {
  return {
      {"type",
       choice<HealthCheckType>(check.type, {{"http", HealthCheckType::http},
                                            {"grpc", HealthCheckType::grpc},
                                            {"tcp", HealthCheckType::tcp}}),
       "http: a request; grpc: grpc.health.v1.Health/Check; tcp: a connect"},
      {"path", text(check.path, check_probe_target), "what is asked for, with its query"},
      {"method", text(check.method, check_asking_method), "of the request"},
      {"host", text_or_null(check.host, check_authority),
       "Host of the request; null: the endpoint's address"},
      {"port",
       or_null(
           count(check.port, 1, 65535), [&check] { check.port = 0; },
           [&check] { return check.port == 0; }),
       "where the check connects to; null: the endpoint's port"},
      {"headers", plain_field_values(check.headers), "further headers of the request"},
      {"service", text(check.service, check_service),
       "gRPC service that is asked about; empty: the server as a whole"},
      {"interval", duration(check.interval), "between the beginnings of two checks"},
      {"jitter", share(check.jitter), "by which an interval is longer or shorter, at random"},
      {"timeout", duration(check.timeout), "of a check, connecting included; longer: it failed"},
      {"healthy_after", count(check.healthy_after, 1, most_in_a_row),
       "passed checks in a row that take an endpoint into use again"},
      {"unhealthy_after", count(check.unhealthy_after, 1, most_in_a_row),
       "failed checks in a row that take it out of use; the very first result decides alone"},
      {"expect", expect_value(check.expect), "statuses that pass: single ones and ranges"},
      {"body", text_or_null(check.body, check_body_text),
       "a text that the first 64 KiB of the content must have; null: any content"},
  };
}

// Keys that one type of check has and others have not. One that says what is the default is no
// mistake: that is how a configuration is printed.
struct TypedKey {
  std::string_view key;
  bool http;
  bool grpc;
  bool (*is_default)(const HealthCheck& check, const HealthCheck& usual);
};
using OneCheck = const HealthCheck&;
constexpr std::array<TypedKey, 7> typed_keys{
    {{"path", true, false, [](OneCheck at, OneCheck usual) { return at.path == usual.path; }},
     {"method", true, false, [](OneCheck at, OneCheck usual) { return at.method == usual.method; }},
     {"host", true, true, [](OneCheck at, OneCheck usual) { return at.host == usual.host; }},
     {"headers", true, true,
      [](OneCheck at, OneCheck usual) { return at.headers == usual.headers; }},
     {"service", false, true,
      [](OneCheck at, OneCheck usual) { return at.service == usual.service; }},
     {"expect", true, false, [](OneCheck at, OneCheck usual) { return at.expect == usual.expect; }},
     {"body", true, false, [](OneCheck at, OneCheck usual) { return at.body == usual.body; }}}};

std::string_view type_name(HealthCheckType type) noexcept {
  switch (type) {
    case HealthCheckType::http:
      break;
    case HealthCheckType::grpc:
      return "grpc";
    case HealthCheckType::tcp:
      return "tcp";
  }
  return "http";
}

void read_check(const Reader& in, HealthCheck& check) {
  const Places places = read_fields(in, fields(check));
  Problems& problems = in.context().problems;
  const HealthCheck usual;
  for (const TypedKey& each : typed_keys) {
    const bool has_effect = (check.type == HealthCheckType::http && each.http) ||
                            (check.type == HealthCheckType::grpc && each.grpc);
    if (has_effect || !places.has(each.key) || each.is_default(check, usual)) continue;
    problems.warning(WarningName::no_effect, places.of(each.key, in.place()),
                     key_path(in.path(), each.key),
                     fmt::format("`{}` does nothing with `type: {}`; remove it", each.key,
                                 type_name(check.type)));
  }
  if (check.type == HealthCheckType::http && check.method == "HEAD" && !check.body.empty()) {
    problems.error(places.of("body", in.place()), key_path(in.path(), "body"),
                   "an answer to HEAD has no content; write `method: GET`");
  }
}

Fields fields(OutlierDetection& outliers) {
  return {
      {"consecutive_errors", count(outliers.consecutive_errors, 0, most_in_a_row),
       "failed tries in a row that eject an endpoint; 0: none do"},
      {"failure_share", share(outliers.failure_share),
       "share of failed tries in an interval that ejects an endpoint; 0: none does"},
      {"minimum_requests", count(outliers.minimum_requests, 1, 1'000'000'000),
       "with fewer in an interval an endpoint's share is not looked at"},
      {"interval", duration(outliers.interval), "in which shares are counted"},
      {"ejection_time", duration(outliers.ejection_time),
       "how long the first ejection lasts; the second in a row twice as long, and so on"},
      {"max_ejection_time", duration(outliers.max_ejection_time), "the longest ejection"},
      {"max_ejected", share(outliers.max_ejected),
       "share of the endpoints that may be ejected at a time; one always stays"},
  };
}

void read_outliers(const Reader& in, OutlierDetection& outliers) {
  const Places places = read_fields(in, fields(outliers));
  Problems& problems = in.context().problems;
  if (outliers.max_ejection_time < outliers.ejection_time) {
    const bool written = places.has("max_ejection_time");
    const std::string_view key = written ? "max_ejection_time" : "ejection_time";
    problems.error(places.of(key, in.place()), key_path(in.path(), key),
                   written ? "must not be below `ejection_time`"
                           : "must not be above `max_ejection_time`, which is 300s by default");
  }
  if (outliers.consecutive_errors == 0 && outliers.failure_share == 0) {
    in.error("ejects nobody: `consecutive_errors` and `failure_share` are both 0");
  }
  if (outliers.max_ejected == 0 && places.has("max_ejected")) {
    problems.error(places.of("max_ejected", in.place()), key_path(in.path(), "max_ejected"),
                   "must be above 0: nobody could be ejected");
  }
}

}  // namespace

Value health_check_value(std::optional<HealthCheck>& target) {
  Value out = optional_block(target, [](HealthCheck& each) { return fields(each); });
  out.read = [&target](const Reader& in) { read_check(in, target.emplace()); };
  return out;
}

void check_health_check(const Upstream& upstream, Problems& problems) {
  if (!upstream.health_check) return;
  const std::string at = "upstreams." + upstream.name + ".health_check";
  const bool may_speak_h2 =
      upstream.protocol == UpstreamProtocol::h2 ||
      (upstream.protocol == UpstreamProtocol::automatic && upstream.tls.has_value());
  if (upstream.health_check->type == HealthCheckType::grpc && !may_speak_h2) {
    problems.error(upstream.place, at,
                   "`type: grpc` needs HTTP/2; write `protocol: h2` for the upstream");
  }
}

Value outlier_detection_value(std::optional<OutlierDetection>& target) {
  Value out = optional_block(target, [](OutlierDetection& each) { return fields(each); });
  out.read = [&target](const Reader& in) { read_outliers(in, target.emplace()); };
  return out;
}

}  // namespace weir::config
