// What the circuit breaker's tests begin with.
#pragma once

#include "weir/control/circuit_breaker.hpp"

namespace weir::control {

inline constexpr TimePoint start{std::chrono::seconds(1000)};

inline BreakerPolicy small_policy() {
  BreakerPolicy policy;
  policy.minimum_calls = 4;
  policy.half_open_calls = 2;
  return policy;
}

}  // namespace weir::control
