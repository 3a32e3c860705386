// What the configuration says of a circuit breaker, as the breaker wants it. Pure.
#pragma once

#include <optional>

#include "weir/config/circuit_breaker.hpp"
#include "weir/control/circuit_breaker.hpp"

namespace weir::upstream {

std::optional<control::BreakerPolicy> breaker_policy(
    const std::optional<config::CircuitBreaker>& breaker);

}  // namespace weir::upstream
