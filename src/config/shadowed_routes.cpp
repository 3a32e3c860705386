// Routes that never get a request.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/route_checks.hpp"
#include "config/scalars.hpp"
#include "weir/base/text.hpp"

namespace weir::config {
namespace {

// Two routes have the same path condition when these are equal.
std::string path_of(const Match& match) {
  switch (match.path_kind) {
    case PathKind::any:
      return "/*";
    case PathKind::regex:
      return "~" + match.path;
    case PathKind::prefix:
      return match.path + (match.path.ends_with('/') ? "*" : "/*");
    case PathKind::exact:
      break;
  }
  std::string out;  // without the names of parameters
  bool inside = false;
  for (const char c : match.path) {
    if (c == '}') inside = false;
    if (!inside) out += c;
    if (c == '{') inside = true;
  }
  return out;
}

bool takes_method(const std::vector<std::string>& methods, std::string_view method) {
  return is_one_of(methods, method) || (method == "HEAD" && is_one_of(methods, "GET"));
}

bool same_values(const std::vector<ValueMatch>& a, const std::vector<ValueMatch>& b, bool fields) {
  return std::ranges::is_permutation(a, b, [fields](const ValueMatch& x, const ValueMatch& y) {
    return x.kind == y.kind && x.value == y.value &&
           (fields ? iequals(x.name, y.name) : x.name == y.name);
  });
}

// Whether `first`, which stands before `second` in the file and has the same host and path, takes
// all its requests.
bool takes_all(const Match& first, const Match& second) {
  if (first.methods.empty() != second.methods.empty()) return false;
  const auto method = [&](const std::string& one) { return takes_method(first.methods, one); };
  const auto listener = [&](const std::string& one) { return is_one_of(first.listeners, one); };
  return std::ranges::all_of(second.methods, method) &&
         (first.listeners.empty() ||
          (!second.listeners.empty() && std::ranges::all_of(second.listeners, listener))) &&
         (first.scheme.empty() || first.scheme == second.scheme) &&
         same_values(first.headers, second.headers, true) &&
         same_values(first.query, second.query, false);
}

bool is_same(const Match& first, const Match& second) {
  return takes_all(first, second) && takes_all(second, first) &&
         std::ranges::is_permutation(first.hosts, second.hosts);
}

// Whether some of its peers are trusted by where they connect.
bool has_unix(const Listener& listener) {
  return std::ranges::any_of(listener.bind.addresses(),
                             [](const BindAddress& one) { return one.address.is_unix(); });
}

// Why no listener has a request for this route, "" if one may.
std::string unreachable(const Route& route, const Config& config) {
  const Match& match = route.match;
  bool redirected = false;
  for (const Listener& each : config.listeners) {
    if (!match.listeners.empty() && !is_one_of(match.listeners, each.name)) continue;
    // A trusted peer may say that a request came by the other scheme.
    const bool any_scheme = has_unix(each) || !config.trusted_proxies.empty();
    const bool plain = !each.tls || any_scheme;
    const bool secure = each.tls || any_scheme;
    const bool fits = match.scheme == "https"  ? secure
                      : match.scheme == "http" ? plain && !each.redirect_https
                                               : secure || !each.redirect_https;
    if (fits) return "";
    redirected = redirected || each.redirect_https.has_value();
  }
  if (redirected && match.scheme != "https") {
    return "never gets a request: `redirect_https` of its listeners answers all of them";
  }
  return fmt::format("never gets a request: none of its listeners gets requests by {}",
                     match.scheme.empty() ? "that scheme" : match.scheme);
}

}  // namespace

void warn_of_shadowed_routes(const Config& config, Problems& problems) {
  const std::vector<std::string> any_host{""};
  std::unordered_map<std::string, std::vector<const Route*>> before;  // by host and path
  for (const Route& route : config.routes) {
    const std::string at = route.at + ".match";
    if (const std::string why = unreachable(route, config); !why.empty()) {
      problems.warning(WarningName::dead_route, route.place, at, why);
    }
    const std::string path = path_of(route.match);
    const Route* shadow = nullptr;
    bool lives = false;  // for one of its hosts at least
    for (const std::string& host : route.match.hosts.empty() ? any_host : route.match.hosts) {
      std::vector<const Route*>& same_place = before[host + path];
      const auto first = std::ranges::find_if(
          same_place, [&](const Route* one) { return takes_all(one->match, route.match); });
      lives = lives || first == same_place.end();
      if (first != same_place.end()) shadow = *first;
      // Enough to compare with; a table with more routes at one place has conditions that differ.
      constexpr std::size_t most_compared = 100;
      if (same_place.size() < most_compared) same_place.push_back(&route);
    }
    if (lives || shadow == nullptr) continue;
    problems.warning(WarningName::dead_route, route.place, at,
                     fmt::format("never gets a request: {} ({}) {}; remove one of them, or give "
                                 "this one another condition",
                                 in_quotes(shadow->name), to_string(shadow->place),
                                 is_same(shadow->match, route.match)
                                     ? "has the same match and comes first"
                                     : "comes first and takes every request that fits"));
  }
}

}  // namespace weir::config
