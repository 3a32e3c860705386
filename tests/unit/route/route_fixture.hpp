// Route tables and requests in the words of the tests that ask them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/http/template_text.hpp"
#include "weir/http/url_path.hpp"
#include "weir/route/route_table.hpp"

namespace weir::route {

using config::PathKind;
using config::ValueMatch;

struct Rule {
  std::string name;
  std::vector<std::string> hosts{};
  PathKind kind = PathKind::any;
  std::string path{};
  std::vector<std::string> methods{};
  std::vector<ValueMatch> headers{};
  std::vector<ValueMatch> query{};
  std::vector<std::string> listeners{};
  std::string scheme{};
  bool cors = false;
};

inline Rule exact(std::string name, std::string path) {
  return {.name = std::move(name), .kind = PathKind::exact, .path = std::move(path)};
}
inline Rule prefix(std::string name, std::string path) {
  return {.name = std::move(name), .kind = PathKind::prefix, .path = std::move(path)};
}
inline Rule regex(std::string name, std::string path) {
  return {.name = std::move(name), .kind = PathKind::regex, .path = std::move(path)};
}
inline Rule on_host(std::string host, Rule rule) {
  rule.hosts.push_back(std::move(host));
  return rule;
}
inline Rule for_methods(std::vector<std::string> methods, Rule rule) {
  rule.methods = std::move(methods);
  return rule;
}
inline Rule with_header(std::string name, ValueMatch::Kind kind, std::string value, Rule rule) {
  rule.headers.push_back({std::move(name), kind, std::move(value), {}});
  return rule;
}
inline Rule with_query(std::string name, ValueMatch::Kind kind, std::string value, Rule rule) {
  rule.query.push_back({std::move(name), kind, std::move(value), {}});
  return rule;
}
inline Rule with_cors(Rule rule) {
  rule.cors = true;
  return rule;
}

// A request in words: "GET a.test /path?query", then fields.
struct Asked {
  std::string method;
  std::string host;
  std::string path;
  std::string query;
  HeaderMap headers;
  Scheme scheme = Scheme::http;
  unsigned listener = 0;
  MatchedPath matched{};  // of a path with path parameters

  explicit Asked(std::string_view line,
                 std::initializer_list<std::pair<const char*, const char*>> fields = {}) {
    const std::size_t first = line.find(' ');
    const std::size_t second = line.find(' ', first + 1);
    const std::size_t mark = std::min(line.find('?'), line.size());
    method = line.substr(0, first);
    host = line.substr(first + 1, second - first - 1);
    path = line.substr(second + 1, mark - second - 1);
    if (mark < line.size()) query = line.substr(mark + 1);
    for (const auto& [name, value] : fields) headers.add(name, value);
    if (path.find(';') != std::string::npos || path.find("%3B") != std::string::npos) {
      matched = matched_path(path, false, headers.arena());
    }
  }
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

class Table {
 public:
  explicit Table(const std::vector<Rule>& rules) : listeners_(2) {
    listeners_[0].name = "http";
    listeners_[1].name = "https";
    std::vector<bool> has_cors;
    for (const Rule& rule : rules) {
      config::Route& route = routes_.emplace_back();
      route.name = rule.name;
      route.match.hosts = rule.hosts;
      route.match.path_kind = rule.kind;
      route.match.path = rule.path;
      if (rule.kind == PathKind::exact) {
        route.match.path_params = path_parameters(rule.path).value();
      }
      route.match.methods = rule.methods;
      route.match.headers = rule.headers;
      route.match.query = rule.query;
      route.match.listeners = rule.listeners;
      route.match.scheme = rule.scheme;
      has_cors.push_back(rule.cors);
    }
    auto compiled = RouteTable::compile(routes_, listeners_, has_cors);
    if (compiled) {
      table_.emplace(std::move(*compiled));
    } else {
      errors_ = std::move(compiled.error());
    }
  }

  const RouteTable& operator*() const { return *table_; }
  const RouteTable* operator->() const { return &*table_; }
  const std::vector<CompileError>& errors() const { return errors_; }

  // "NAME", then "a=1" for each parameter and "rest=..." where there is one; "-" for no route.
  std::string winner(const Asked& asked) const {
    Match match;
    if (!table_->match(asked.view(), match)) return "-";
    std::string out = match.route->name;
    for (std::uint32_t i = 0; i < match.param_count; ++i) {
      out += " " + match.route->match.path_params[i] + "=" + std::string(match.params[i]);
    }
    if (!match.rest.empty()) out += " rest=" + std::string(match.rest);
    return out;
  }
  std::string winner(std::string_view line) const { return winner(Asked(line)); }
  std::string preflight(std::string_view line) const {
    Match match;
    return table_->match_preflight(Asked(line).view(), match) ? match.route->name : "-";
  }
  std::vector<std::string> order() const {
    std::vector<std::string> out;
    for (const std::uint32_t route : table_->order()) out.push_back(routes_[route].name);
    return out;
  }
  std::vector<std::string> explain(const Asked& asked) const {
    std::vector<std::string> out;
    for (const Step& step : table_->explain(asked.view())) {
      out.push_back((step.matched ? "* " : "") + routes_[step.route].name + ": " + step.why);
    }
    return out;
  }

 private:
  std::vector<config::Route> routes_;
  std::vector<config::Listener> listeners_;
  std::optional<RouteTable> table_;
  std::vector<CompileError> errors_;
};

struct Row {
  std::string_view name;
  std::string_view request;
  std::string_view winner;
};

inline void expect(const Table& table, std::initializer_list<Row> rows) {
  for (const Row& row : rows) EXPECT_EQ(table.winner(row.request), row.winner) << row.name;
}

}  // namespace weir::route
