// What the configuration says of a circuit breaker and its shedding, as these want it. Pure.
#pragma once

#include <optional>

#include "weir/config/circuit_breaker.hpp"
#include "weir/control/circuit_breaker.hpp"
#include "weir/control/joint_shed.hpp"

namespace weir::upstream {

std::optional<control::BreakerPolicy> breaker_policy(
    const std::optional<config::CircuitBreaker>& breaker);
std::optional<control::JointShedPolicy> shed_policy(
    const std::optional<config::CircuitBreaker>& breaker);

}  // namespace weir::upstream
