#include "route/route_index.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "route/specificity.hpp"
#include "route/trie_builder.hpp"
#include "weir/http/url_path.hpp"

namespace weir::route {

std::expected<RouteIndex, std::vector<CompileError>> RouteIndex::compile(
    std::span<const config::Route> routes, std::span<const config::Listener> listeners,
    const std::vector<bool>& has_cors) {
  RouteIndex index;
  std::vector<CompileError> errors;
  index.routes_ = routes;
  index.has_cors_ = has_cors;
  index.patterns_.reserve(routes.size());
  index.conditions_.reserve(routes.size());
  for (std::size_t i = 0; i < routes.size(); ++i) {
    auto pattern = PathPattern::parse(routes[i].match);
    auto conditions = Conditions::compile(routes[i].match, listeners);
    if (pattern) {
      index.patterns_.push_back(std::move(*pattern));
    } else {
      errors.push_back({i, std::move(pattern.error())});
    }
    if (conditions) {
      index.conditions_.push_back(std::move(*conditions));
    } else {
      for (std::string& what : conditions.error()) errors.push_back({i, std::move(what)});
    }
  }
  if (!errors.empty()) return std::unexpected(std::move(errors));
  index.build();
  return index;
}

std::uint32_t RouteIndex::scope_of(std::string_view host) {
  const auto next = static_cast<std::uint32_t>(scopes_.size());
  std::uint32_t found = next;
  if (host.empty()) {
    if (any_host_ == nothing) any_host_ = next;
    found = any_host_;
  } else if (host.starts_with("*.")) {
    const std::string_view suffix = host.substr(2);
    const auto dots = static_cast<std::size_t>(std::ranges::count(suffix, '.'));
    wildcard_labels_ = std::max(wildcard_labels_, dots + 1);
    found = wildcard_hosts_.insert(suffix, next);
  } else {
    found = exact_hosts_.insert(host, next);
  }
  if (found == next) scopes_.emplace_back();
  return found;
}

RouteIndex::Candidate RouteIndex::candidate(std::uint32_t route) const {
  return {.route = route,
          .methods = conditions_[route].methods(),
          .only_methods = conditions_[route].only_methods()};
}

void RouteIndex::build() {
  const std::array<std::string, 1> any_host{};
  const auto hosts_of = [&](std::uint32_t route) -> std::span<const std::string> {
    const std::vector<std::string>& hosts = routes_[route].match.hosts;
    return hosts.empty() ? std::span<const std::string>(any_host) : hosts;
  };
  const auto count = static_cast<std::uint32_t>(routes_.size());

  TrieBuilder builder;
  for (std::uint32_t route = 0; route < count; ++route) {
    for (const std::string& host : hosts_of(route)) scope_of(host);
  }
  for (Scope& scope : scopes_) scope.root = builder.add_root();
  std::vector<std::vector<std::uint32_t>> by_scope(scopes_.size());
  for (std::uint32_t route = 0; route < count; ++route) {
    for (const std::string& host : hosts_of(route)) {
      Scope& scope = scopes_[scope_of(host)];
      by_scope[scope_of(host)].push_back(route);
      if (const Expression* expression = patterns_[route].expression()) {
        scope.expressions.push_back({expression, candidate(route)});
      } else if (!patterns_[route].has_parameters()) {
        builder.add(scope.root, patterns_[route], route);
      }
    }
  }
  for (std::size_t i = 0; i < scopes_.size(); ++i) {
    list_one_by_one(scopes_[i], std::move(by_scope[i]));
  }
  trie_ = builder.finish([this](std::vector<std::uint32_t>& at_place) {
    std::ranges::sort(at_place, {}, [this](std::uint32_t route) {
      return condition_order(routes_[route].match, route);
    });
    const auto place = static_cast<PlaceId>(candidates_.size());
    for (const std::uint32_t route : at_place) candidates_.push_back(candidate(route));
    candidates_.back().last = true;
    return place;
  });
}

void RouteIndex::list_one_by_one(Scope& scope, std::vector<std::uint32_t> routes) const {
  const auto has_parameters = [this](std::uint32_t route) {
    return patterns_[route].has_parameters();
  };
  if (std::ranges::none_of(routes, has_parameters)) return;
  std::ranges::sort(routes, [this](std::uint32_t a, std::uint32_t b) { return goes_before(a, b); });
  for (const std::uint32_t route : routes) scope.one_by_one.push_back(candidate(route));
}

bool RouteIndex::goes_before(std::uint32_t a, std::uint32_t b) const noexcept {
  const auto paths = patterns_[a] <=> patterns_[b];
  if (paths != 0) return paths < 0;
  if (patterns_[a].expression() != nullptr) return a < b;
  return condition_order(routes_[a].match, a) < condition_order(routes_[b].match, b);
}

std::string_view RouteIndex::rest_behind(const Query& query, std::size_t segments) noexcept {
  std::string_view rest = query.sent_path.empty() ? query.path : query.sent_path;
  // Whether matched_path() left segments out.
  const bool fewer = std::ranges::count(query.path, '/') != std::ranges::count(rest, '/');
  while (segments > 0) {
    const std::size_t end = std::min(rest.find('/', 1), rest.size());
    const std::string_view segment = rest.substr(1, end - 1);
    rest.remove_prefix(end);
    const bool left_out =
        fewer && !segment.empty() && without_parameters(segment).empty() && !rest.empty();
    if (!left_out) --segments;
  }
  return rest;
}

std::string_view RouteIndex::wildcard_start(std::string_view host) const noexcept {
  if (host.starts_with('.')) return {};  // a star stands for no empty label
  // From the end, so that the labels of a name made long on purpose are not all looked at.
  std::size_t at = host.size();
  for (std::size_t labels = 0; labels < wildcard_labels_; ++labels) {
    const std::size_t dot = at == 0 ? std::string_view::npos : host.rfind('.', at - 1);
    if (dot == std::string_view::npos) return behind_dot(host);
    at = dot;
  }
  return host.substr(at + 1);
}

}  // namespace weir::route
