// What the exchanges of a configured route are told about it.
#pragma once

#include <variant>

#include "weir/config/model.hpp"
#include "weir/http/route_facts.hpp"

namespace weir {

// Lives no longer than `route`.
inline RouteFacts facts_of(const config::Route& route) noexcept {
  const auto* to = std::get_if<config::UpstreamAction>(&route.action);
  const bool one = to != nullptr && to->split.size() == 1;
  return {.path_params = route.match.path_params,
          .methods = route.match.methods,
          .only_upstream = one ? to->split.front().upstream : std::string_view(),
          .priority = route.priority};
}

}  // namespace weir
