// What people are told about a route table: the order of its routes, and why a request takes one of
// them.
#include <algorithm>
#include <ranges>
#include <string>
#include <tuple>
#include <vector>

#include "route/route_index.hpp"
#include "weir/route/route_table.hpp"

namespace weir::route {
namespace {

constexpr std::size_t max_steps = 10;

// Less is more specific: exact names, then wildcards by length, then none.
using HostRank = std::tuple<int, std::size_t, std::string_view>;

HostRank host_rank(std::string_view host) {
  if (host.starts_with("*.")) return {1, ~host.size(), host};
  return {0, 0, host};
}

// Of the most specific host of a route.
HostRank host_rank(const config::Match& match) {
  HostRank best{2, 0, {}};
  for (const std::string& host : match.hosts) best = std::min(best, host_rank(host));
  return best;
}

bool host_matches(std::string_view pattern, std::string_view host) {
  if (!pattern.starts_with("*.")) return pattern == host;
  return host.size() >= pattern.size() && !host.starts_with('.') &&
         host.ends_with(pattern.substr(1));
}

bool host_matches(const config::Match& match, std::string_view host) {
  return match.hosts.empty() || std::ranges::any_of(match.hosts, [host](const std::string& one) {
           return host_matches(one, host);
         });
}

std::string join(const std::vector<std::string>& texts, std::string_view separator) {
  std::string out;
  for (const std::string& text : texts) {
    if (!out.empty()) out += separator;
    out += text;
  }
  return out;
}

}  // namespace

std::vector<std::uint32_t> RouteTable::order() const {
  std::vector<std::uint32_t> routes(index_->size());
  for (std::uint32_t i = 0; i < routes.size(); ++i) routes[i] = i;
  std::ranges::sort(routes, [this](std::uint32_t a, std::uint32_t b) {
    const config::Match& x = index_->route(a).match;
    const config::Match& y = index_->route(b).match;
    if (const auto hosts = host_rank(x) <=> host_rank(y); hosts != 0) return hosts < 0;
    return index_->goes_before(a, b);
  });
  return routes;
}

std::vector<Step> RouteTable::explain(const Query& query) const {
  Match found;
  const bool matched = match(query, found);

  struct Near {
    std::vector<std::string> failures;
    std::uint32_t route;
  };
  std::vector<Near> others;
  for (const std::uint32_t route : order()) {
    if (matched && route == found.index) continue;
    const config::Match& wanted = index_->route(route).match;
    const PathPattern& pattern = index_->pattern(route);
    const bool host = host_matches(wanted, query.host);
    Match ignored;
    const bool path = pattern.matches(query, ignored);
    if (!host && !path) continue;
    Near near{{}, route};
    if (!host) near.failures.push_back("host is not " + join(wanted.hosts, " or "));
    if (!path) near.failures.push_back("path does not match " + pattern.to_string(wanted));
    index_->conditions(route).explain(query, wanted, near.failures);
    others.push_back(std::move(near));
  }
  std::ranges::stable_sort(others, {}, [](const Near& near) { return near.failures.size(); });

  std::vector<Step> steps;
  if (matched) {
    steps.push_back(
        {found.index, true, index_->pattern(found.index).to_string(found.route->match)});
  }
  for (const Near& near : others | std::views::take(max_steps - steps.size())) {
    steps.push_back({near.route, false,
                     near.failures.empty() ? "less specific than " + found.route->name
                                           : join(near.failures, "; ")});
  }
  return steps;
}

}  // namespace weir::route
