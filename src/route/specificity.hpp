// Which of two routes wins where both match: the part of the rule that hosts and paths leave open.
// Pure; any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <tuple>

#include "weir/config/model.hpp"

namespace weir::route {

// Methods given, more headers, more query parameters, then file order. Less wins.
inline auto condition_order(const config::Match& match, std::uint32_t route) noexcept {
  return std::tuple(match.methods.empty(), ~match.headers.size(), ~match.query.size(), route);
}

}  // namespace weir::route
