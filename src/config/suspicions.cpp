// What is valid and may be meant, but seldom is: upstreams without traffic, requests without an
// end, limits that any client escapes, expressions that a prefix would do for.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

#include "config/route_checks.hpp"
#include "config/scalars.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

bool is_named_by_header(const UpstreamAction& action, const std::string& upstream) {
  return action.by_header && std::ranges::any_of(action.by_header->values, [&](const auto& each) {
           return each.second == upstream;
         });
}

void warn_of_weights(const Route& route, const UpstreamAction& action, Problems& problems) {
  for (const SplitShare& share : action.split) {
    if (share.weight != 0 || is_named_by_header(action, share.upstream)) continue;
    problems.warning(WarningName::zero_weight, route.place, route.at + ".split",
                     fmt::format("{} gets no request: its weight is 0, and no `override` names it",
                                 in_quotes(share.upstream)));
  }
}

void warn_of_weights(const Upstream& upstream, Problems& problems) {
  for (const EndpointSpec& each : upstream.endpoints) {
    if (each.weight != 0) continue;
    problems.warning(WarningName::zero_weight, upstream.place,
                     "upstreams." + upstream.name + ".endpoints",
                     fmt::format("{} gets no request: its weight is 0", in_quotes(each.address)));
  }
}

void warn_of_time(const Route& route, Problems& problems) {
  if (route.max_duration != Duration::zero()) return;
  const auto warn = [&](const char* key, const char* what) {
    problems.warning(WarningName::no_time_limit, route.place, route.at + key,
                     fmt::format("{}; write a time here, or `max_duration`", what));
  };
  if (route.timeout == Duration::zero()) {
    warn(".timeout", "a request waits for its answer without end");
  }
  if (route.stream_idle_timeout == Duration::zero()) {
    warn(".stream_idle_timeout", "an answer on which nothing moves is kept without end");
  }
}

// Names of fields and cookies that were looked at by who tells callers apart.
struct Verified {
  std::unordered_set<std::string> fields;  // in lower case
  std::unordered_set<std::string> cookies;

  void learn(const MiddlewareSpec& spec) {
    if (const auto* api = std::get_if<ApiKey>(&spec)) fields.insert(to_lower(api->header));
    if (const auto* basic = std::get_if<BasicAuth>(&spec)) {
      fields.insert(to_lower(basic->header));
      fields.insert("authorization");
    }
    if (const auto* auth = std::get_if<ForwardAuth>(&spec)) {
      for (const std::string& name : auth->copy_headers) fields.insert(to_lower(name));
    }
    if (const auto* jwt = std::get_if<Jwt>(&spec)) {
      for (const auto& [claim, name] : jwt->claims_to_headers) fields.insert(to_lower(name));
      if (jwt->optional) return;
      for (const TokenPlace& place : jwt->from) {
        if (place.kind == TokenPlace::Kind::header) fields.insert(to_lower(place.name));
        if (place.kind == TokenPlace::Kind::cookie) cookies.insert(place.name);
      }
    }
  }
};

// The part of the key that a client may choose as it likes.
const KeyPart* chosen_part(const Key& key, const Verified& verified) {
  const auto found = std::ranges::find_if(key.parts, [&](const KeyPart& part) {
    if (part.source == KeySource::cookie) return !verified.cookies.contains(part.name);
    return part.source == KeySource::header && !verified.fields.contains(to_lower(part.name));
  });
  return found == key.parts.end() ? nullptr : &*found;
}

const Key* key_of_limit(const MiddlewareSpec& spec) {
  if (const auto* limit = std::get_if<RateLimit>(&spec)) {
    return limit->dry_run ? nullptr : &limit->key;
  }
  const auto* limit = std::get_if<ConcurrencyLimit>(&spec);
  return limit == nullptr ? nullptr : &limit->key;
}

void warn_of_keys(const Config& config, Problems& problems) {
  std::unordered_set<std::string> told;
  for (const Route& route : config.routes) {
    Verified verified;
    for (const std::string& name : route.middleware) {
      const Middleware* const one = config.find_middleware(name);
      if (one == nullptr) continue;
      const Key* const key = key_of_limit(one->spec);
      const KeyPart* const part = key == nullptr ? nullptr : chosen_part(*key, verified);
      if (part != nullptr && told.insert(name).second) {
        const bool is_cookie = part->source == KeySource::cookie;
        problems.warning(
            WarningName::client_chosen_key, one->place, "middleware." + name,
            fmt::format("any client escapes this limit on route {}: it sends another {} {}. Count "
                        "by client_ip, or by who was verified before",
                        in_quotes(route.name), is_cookie ? "cookie" : "header",
                        in_quotes(part->name)));
      }
      verified.learn(one->spec);
    }
  }
}

// What an expression stands for that is a text, or a text with anything below it.
struct PlainPath {
  std::string text;
  bool is_prefix = false;
  bool needs_more = false;  // at least a '/' behind the text
};

std::optional<PlainPath> plain_path(std::string_view regex) {
  if (regex.starts_with('^')) regex.remove_prefix(1);
  if (regex.ends_with('$') && !regex.ends_with("\\$")) regex.remove_suffix(1);
  PlainPath out;
  for (const std::string_view end : {"(?:/.*)?", "(/.*)?", "/.*"}) {
    if (!regex.ends_with(end)) continue;
    regex.remove_suffix(end.size());
    out.is_prefix = true;
    out.needs_more = !end.ends_with('?');
    break;
  }
  for (std::size_t i = 0; i < regex.size(); ++i) {
    char c = regex[i];
    const bool is_escaped = c == '\\' && i + 1 < regex.size();
    if (is_escaped) c = regex[++i];
    const bool is_plain = is_alpha(c) || is_digit(c) || std::string_view("/-_~%").contains(c);
    const bool may_be_escaped = std::string_view(".-_~/").contains(c);
    if (is_escaped ? !may_be_escaped : !is_plain) return std::nullopt;
    out.text += c;
  }
  if (out.text.empty() && out.is_prefix) out.text += '/';
  if (!out.text.starts_with('/')) return std::nullopt;
  return out;
}

void warn_of_expression(const Route& route, Problems& problems) {
  const Match& match = route.match;
  if (match.path_kind != PathKind::regex) return;
  const auto plain = plain_path(match.path);
  // An expression from nginx stands for more, of which the check of paths warns.
  const bool is_open = match.path.starts_with('^') && match.path.ends_with('/');
  if (!plain || is_open) return;
  problems.warning(
      WarningName::plain_regex, match.path_place, route.at + ".match.path_regex",
      plain->is_prefix
          ? fmt::format("a prefix would do, and is found faster; write `path_prefix: {}`{}",
                        plain->text,
                        plain->needs_more && plain->text != "/"
                            ? fmt::format(", which takes {} too", plain->text)
                            : "")
          : fmt::format("this is a plain path; write `path: {}`", plain->text));
}

}  // namespace

void warn_of_open_admin(const Admin& admin, const Place& bind, Problems& problems) {
  const auto address = SocketAddress::parse(admin.bind);
  if (!address || address->is_unix() || address->ip().is_loopback() || !admin.token.empty()) return;
  problems.warning(WarningName::admin_without_token, bind, "admin.bind",
                   "not a loopback address and no `token_file`: everything but /healthz, /readyz "
                   "and /metrics will be refused");
}

void warn_of_suspicions(const Config& config, Problems& problems) {
  for (const Route& route : config.routes) {
    warn_of_expression(route, problems);
    const auto* action = std::get_if<UpstreamAction>(&route.action);
    if (action == nullptr || action->split.empty()) continue;
    warn_of_time(route, problems);
    if (action->is_split) warn_of_weights(route, *action, problems);
  }
  for (const Upstream& upstream : config.upstreams) warn_of_weights(upstream, problems);
  warn_of_keys(config, problems);
}

}  // namespace weir::config
