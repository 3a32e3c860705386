// The rule of precedence once more, as plainly as it can be said, to hold the route table to; and
// tables and requests made of choices, for random tests and for the fuzzer.
#pragma once

#include <regex.h>

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "weir/config/model.hpp"
#include "weir/http/template_text.hpp"
#include "weir/http/url_path.hpp"
#include "weir/route/route_table.hpp"

namespace weir::route::model {

using Segments = std::vector<std::string>;

inline Segments split(std::string path) {
  Segments out;
  while (!path.empty()) {
    path.erase(0, 1);
    const std::size_t end = std::min(path.find('/'), path.size());
    out.push_back(path.substr(0, end));
    path.erase(0, end);
  }
  return out;
}

// Whether a POSIX expression matches all of a text.
inline bool expression_fits(const std::string& expression, const std::string& text) {
  regex_t compiled;
  if (regcomp(&compiled, ("^(" + expression + ")$").c_str(), REG_EXTENDED | REG_NOSUB) != 0) {
    return false;
  }
  const bool fits = regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
  regfree(&compiled);
  return fits;
}

// How well a host fits: {2, length} exact, {1, length} wildcard, {0, 0} any; nothing for not.
inline std::optional<std::pair<int, std::size_t>> host_fit(const config::Match& match,
                                                           std::string_view host) {
  if (match.hosts.empty()) return std::pair(0, std::size_t{0});
  std::optional<std::pair<int, std::size_t>> best;
  for (const std::string& pattern : match.hosts) {
    std::optional<std::pair<int, std::size_t>> fit;
    if (pattern == host) fit = {2, pattern.size()};
    if (pattern.starts_with("*.") && host.size() >= pattern.size() && host[0] != '.' &&
        host.ends_with(pattern.substr(1))) {
      fit = {1, pattern.size()};
    }
    best = std::max(best, fit);
  }
  return best;
}

struct PathFit {
  int kind = 0;  // 4 exact, 3 with parameters, 2 expression, 1 prefix
  // Per segment of an exact path: '2' one with path parameters, '1' another literal, '0' a
  // parameter
  std::string literals{};
  std::size_t early = 0;          // of expressions: the earlier in the file the greater
  std::size_t length = 0;         // of a prefix: its segments
  std::string with_parameters{};  // of a prefix: as above
  auto operator<=>(const PathFit&) const = default;
};

inline std::string decoded(std::string text) {
  for (std::size_t at = 0; (at = text.find("%3B", at)) != std::string::npos;)
    text.replace(at, 3, ";");
  return text;
}
inline bool has_parameters(const std::string& text) { return text.find(';') != std::string::npos; }
inline std::string name_of(const std::string& segment) {
  return segment.substr(0, segment.find(';'));
}

// The segments of a path that is forwarded, every ';' unencoded, without those that are nothing but
// parameters and not the last.
inline Segments asked_segments(std::string_view path) {
  Segments out;
  const Segments all = split(decoded(std::string(path)));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool nothing_left = !all[i].empty() && name_of(all[i]).empty();
    if (!nothing_left || i + 1 == all.size()) out.push_back(all[i]);
  }
  return out;
}

inline bool segment_fits(const std::string& wanted, const std::string& asked) {
  return has_parameters(wanted) ? wanted == asked : wanted == name_of(asked);
}

inline std::string joined(const Segments& segments, bool names) {
  std::string out;
  for (const std::string& one : segments) out += "/" + (names ? name_of(one) : one);
  return out;
}

inline std::optional<PathFit> path_fit(const config::Match& match, std::string_view path,
                                       std::size_t index) {
  if (match.path_kind == config::PathKind::any) return PathFit{.kind = 1};
  if (match.path_kind == config::PathKind::regex) {
    const Segments asked = asked_segments(path);
    const bool fits = has_parameters(decoded(match.path))
                          ? expression_fits(match.path, joined(asked, false)) ||
                                expression_fits(match.path, std::string(path))
                          : expression_fits(match.path, joined(asked, true));
    if (!fits) return std::nullopt;
    return PathFit{.kind = 2, .early = ~index};
  }
  const Segments asked = asked_segments(path);
  if (match.path_kind == config::PathKind::prefix) {
    std::string prefix = decoded(match.path);
    if (prefix.ends_with('/')) prefix.pop_back();
    const Segments wanted = split(prefix);
    if (wanted.size() > asked.size() ||
        !std::equal(wanted.begin(), wanted.end(), asked.begin(), segment_fits)) {
      return std::nullopt;
    }
    PathFit fit{.kind = 1, .length = wanted.size()};
    for (const std::string& one : wanted) fit.with_parameters += has_parameters(one) ? '2' : '1';
    return fit;
  }
  const Segments wanted = split(decoded(match.path));
  if (wanted.size() != asked.size()) return std::nullopt;
  PathFit fit{.kind = 4};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const bool param = wanted[i].starts_with('{');
    if (param ? name_of(asked[i]).empty() : !segment_fits(wanted[i], asked[i])) {
      return std::nullopt;
    }
    fit.literals += param ? '0' : has_parameters(wanted[i]) ? '2' : '1';
    if (param) fit.kind = 3;
  }
  return fit;
}

inline bool value_fits(const config::ValueMatch& wanted, const std::string* value) {
  switch (wanted.kind) {
    case config::ValueMatch::Kind::equals:
      return value != nullptr && *value == wanted.value;
    case config::ValueMatch::Kind::regex:
      return value != nullptr && expression_fits(wanted.value, *value);
    case config::ValueMatch::Kind::present:
      return value != nullptr;
    case config::ValueMatch::Kind::absent:
      return value == nullptr;
  }
  return false;
}

inline bool conditions_fit(const config::Match& match, const Query& query,
                           std::span<const config::Listener> listeners) {
  const auto given = [](const auto& list, std::string_view one) {
    return std::find(list.begin(), list.end(), one) != list.end();
  };
  if (!match.methods.empty() && !given(match.methods, query.method_text) &&
      !(query.method == Method::head && given(match.methods, "GET"))) {
    return false;
  }
  if (!match.listeners.empty() && !given(match.listeners, listeners[query.listener].name)) {
    return false;
  }
  if (!match.scheme.empty() && match.scheme != to_string(query.scheme)) return false;
  for (const config::ValueMatch& wanted : match.headers) {
    bool fits =
        wanted.kind == config::ValueMatch::Kind::absent && !query.headers.contains(wanted.name);
    for (const HeaderMap::Field& field : query.headers) {
      const std::string value(field.value);
      if (field.name == wanted.name && value_fits(wanted, &value)) fits = true;
    }
    if (!fits) return false;
  }
  for (const config::ValueMatch& wanted : match.query) {
    const auto raw = query_value(query.query, wanted.name);
    const std::string value = raw ? percent_decode(*raw) : "";
    if (!value_fits(wanted, raw ? &value : nullptr)) return false;
  }
  return true;
}

// The index of the winner: everything is looked at, the best is kept.
inline std::optional<std::size_t> winner(std::span<const config::Route> routes,
                                         std::span<const config::Listener> listeners,
                                         const Query& query) {
  using Fit = std::tuple<std::pair<int, std::size_t>, PathFit, bool, std::size_t, std::size_t>;
  std::optional<Fit> best;
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const config::Match& match = routes[i].match;
    const auto host = host_fit(match, query.host);
    const auto path = path_fit(match, query.sent_path.empty() ? query.path : query.sent_path, i);
    if (!host || !path || !conditions_fit(match, query, listeners)) continue;
    const Fit fit{*host, *path, !match.methods.empty(), match.headers.size(), match.query.size()};
    if (!best || fit > *best) {
      best = fit;
      found = i;
    }
  }
  return found;
}

inline std::vector<config::Listener> listeners() {
  std::vector<config::Listener> out(2);
  out[0].name = "http";
  out[1].name = "https";
  return out;
}

// `choose(n)` is a number below n.
template <class Choose>
std::vector<config::Route> make_routes(Choose&& choose) {
  constexpr const char* hosts[] = {"a.test", "b.a.test", "*.a.test", "*.b.a.test", "*.test", "c"};
  constexpr const char* segments[] = {"x",     "y",    "zz", "", "a-rather-long-segment-of-a-path",
                                      "x;v=1", "y%3Bw"};
  constexpr const char* params[] = {"{p1}", "{p2}", "{p3}"};
  constexpr const char* expressions[] = {"/x/.*", "/[xy]+/zz", "/(x|y)(/[a-z]*)?", ".*z",
                                         "/x",    "/x;.*",     "/y%3B[a-z]"};
  constexpr const char* methods[] = {"GET", "HEAD", "POST", "PURGE", "DELETE"};
  const auto values = [&choose](const char* const(&names)[2]) {
    std::vector<config::ValueMatch> out;
    for (const char* name : names) {
      if (choose(8) != 0) continue;
      const auto kind = static_cast<config::ValueMatch::Kind>(choose(4));
      out.push_back({name, kind, kind == config::ValueMatch::Kind::regex ? "[12]" : "1", {}});
    }
    return out;
  };
  // Tables with and without path parameters of their own are searched in different ways.
  const std::size_t any_segment = choose(2) == 0 ? 5 : 7;
  std::vector<config::Route> routes(1 + choose(32));
  for (config::Route& route : routes) {
    config::Match& match = route.match;
    for (auto count = choose(3); count > 0; --count) match.hosts.push_back(hosts[choose(6)]);
    switch (choose(8)) {
      case 0:
        break;
      case 1:
        match.path_kind = config::PathKind::regex;
        match.path = expressions[choose(any_segment)];
        break;
      case 2:
      case 3:
        match.path_kind = config::PathKind::prefix;
        for (auto depth = 1 + choose(3); depth > 0; --depth) {
          match.path += std::string("/") + segments[choose(any_segment)];
        }
        break;
      default:
        match.path_kind = config::PathKind::exact;
        for (auto depth = 1 + choose(3); depth > 0; --depth) {
          match.path += std::string("/") +
                        (choose(2) == 0 ? segments[choose(any_segment)] : params[depth - 1]);
        }
        match.path_params = path_parameters(match.path).value();
    }
    for (auto count = choose(6); count > 3; --count) match.methods.push_back(methods[choose(5)]);
    match.headers = values({"x-a", "x-b"});
    match.query = values({"q", "r"});
    if (choose(8) == 0) match.listeners.push_back(choose(2) == 0 ? "http" : "https");
    if (choose(8) == 0) match.scheme = choose(2) == 0 ? "http" : "https";
  }
  for (std::size_t i = 0; i < routes.size(); ++i) routes[i].name = "r" + std::to_string(i);
  return routes;
}

// What a request needs to own for a Query to look at.
struct Request {
  std::string host;
  std::string path;
  std::string method;
  std::string query;
  Scheme scheme = Scheme::http;
  unsigned listener = 0;
  HeaderMap headers;
  MatchedPath matched;  // of a path with path parameters

  Query view() const {
    return {.host = host,
            .path = matched.bare.empty() ? std::string_view(path) : matched.bare,
            .method = parse_method(method),
            .method_text = method,
            .scheme = scheme,
            .listener = listener,
            .headers = headers,
            .query = query,
            .full_path = matched.full,
            .sent_path = matched.full.empty() ? std::string_view() : std::string_view(path)};
  }
};

template <class Choose>
Request make_request(Choose&& choose) {
  constexpr const char* hosts[] = {"a.test", "b.a.test", "c.b.a.test", "d.test", "c", "test", ""};
  constexpr const char* segments[] = {"x",  "y", "zz",  "",
                                      "xy", "w", "%2F", "a-rather-long-segment-of-a-path"};
  constexpr const char* with_parameters[] = {"x;v=1", "x%3Bv=1", "x;v=2", "y;w",
                                             "y%3Bw", "zz%3B",   ";a",    "zz;/"};
  constexpr const char* methods[] = {"GET", "HEAD", "POST", "PURGE", "OPTIONS"};
  constexpr const char* queries[] = {"", "q=1", "q=2&q=1", "%71=%31", "r=1&q=3", "r"};
  Request request;
  request.host = hosts[choose(7)];
  for (auto depth = 1 + choose(3); depth > 0; --depth) {
    const std::size_t one = choose(12);
    request.path += std::string("/") + (one < 8 ? segments[one] : with_parameters[choose(8)]);
  }
  if (request.path.find(';') != std::string::npos ||
      request.path.find("%3B") != std::string::npos) {
    request.matched = matched_path(request.path, false, request.headers.arena());
  }
  request.method = methods[choose(5)];
  request.query = queries[choose(6)];
  request.scheme = choose(2) == 0 ? Scheme::http : Scheme::https;
  request.listener = static_cast<unsigned>(choose(2));
  for (auto count = choose(4); count > 0; --count) {
    request.headers.add(choose(2) == 0 ? "x-a" : "x-b", choose(2) == 0 ? "1" : "2");
  }
  return request;
}

}  // namespace weir::route::model
