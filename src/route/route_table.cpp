#include "weir/route/route_table.hpp"

#include <algorithm>
#include <utility>

#include "route/route_index.hpp"

namespace weir::route {

std::expected<RouteTable, std::vector<CompileError>> RouteTable::compile(
    std::span<const config::Route> routes, std::span<const config::Listener> listeners,
    const std::vector<bool>& has_cors) {
  auto index = RouteIndex::compile(routes, listeners, has_cors);
  if (!index) return std::unexpected(std::move(index.error()));
  return RouteTable(std::make_unique<const RouteIndex>(std::move(*index)));
}

RouteTable::RouteTable(std::unique_ptr<const RouteIndex> index) noexcept
    : index_(std::move(index)) {}
RouteTable::RouteTable(RouteTable&&) noexcept = default;
RouteTable& RouteTable::operator=(RouteTable&&) noexcept = default;
RouteTable::~RouteTable() = default;

bool RouteTable::match(const Query& query, Match& out) const noexcept {
  const Conditions::MethodMask method = Conditions::bit(query.method);
  return index_->search(query, out, [&](const RouteIndex::Candidate& candidate) {
    return (candidate.methods & method) != 0 &&
           (candidate.only_methods || index_->conditions(candidate.route).all_hold(query));
  });
}

bool RouteTable::match_preflight(const Query& query, Match& out) const noexcept {
  return index_->search(query, out, [&](const RouteIndex::Candidate& candidate) {
    const Conditions& conditions = index_->conditions(candidate.route);
    return index_->has_cors(candidate.route) && conditions.method_holds(query) &&
           conditions.listener_holds(query) && conditions.scheme_holds(query);
  });
}

std::string RouteTable::allow(const Query& query) const {
  Conditions::MethodMask methods = 0;
  std::vector<std::string> others;
  Match ignored;
  index_->search(query, ignored, [&](const RouteIndex::Candidate& candidate) {
    const Conditions& conditions = index_->conditions(candidate.route);
    if (!conditions.all_but_method_hold(query)) return false;
    methods |= conditions.methods();
    if (index_->has_cors(candidate.route)) methods |= Conditions::bit(Method::options);
    for (const std::string& other : conditions.other_methods()) {
      if (std::ranges::find(others, other) == others.end()) others.push_back(other);
    }
    return false;
  });
  std::string out;
  const auto append = [&out](std::string_view method) {
    if (!out.empty()) out += ", ";
    out += method;
  };
  for (unsigned i = 0; i < static_cast<unsigned>(Method::other); ++i) {
    const auto method = static_cast<Method>(i);
    if ((methods & Conditions::bit(method)) != 0) append(method_label(method));
  }
  for (const std::string& other : others) append(other);
  return out;
}

}  // namespace weir::route
