#include "upstream/breaker_policy.hpp"

#include <chrono>

namespace weir::upstream {

std::optional<control::BreakerPolicy> breaker_policy(
    const std::optional<config::CircuitBreaker>& breaker) {
  if (!breaker) return std::nullopt;
  control::BreakerPolicy out;
  out.connect_fails = breaker->failures.connect;
  out.reset_fails = breaker->failures.reset;
  out.timeout_fails = breaker->failures.timeout;
  if (!breaker->failures.server_errors) out.statuses_fail.reset();
  for (const std::uint16_t status : breaker->failures.statuses) {
    out.statuses_fail.set(static_cast<std::size_t>(status) - 500);
  }
  for (const std::uint8_t code : breaker->failures.grpc) out.grpc_fails.set(code);
  out.failure_rate = breaker->failure_rate;
  out.slow_call = breaker->slow_call;
  out.slow_call_rate = breaker->slow_call_rate;
  out.window = breaker->window.time;
  out.window_calls = breaker->window.calls;
  out.minimum_calls = breaker->minimum_calls;
  out.open_for = breaker->open_for;
  out.half_open_calls = breaker->half_open_calls;
  return out;
}

std::optional<control::JointShedPolicy> shed_policy(
    const std::optional<config::CircuitBreaker>& breaker) {
  if (!breaker || !breaker->shed) return std::nullopt;
  const config::BreakerShed& shed = *breaker->shed;
  const double seconds = std::chrono::duration<double>(shed.rate.period).count();
  return control::JointShedPolicy{.rate = static_cast<double>(shed.rate.tokens) / seconds,
                                  .p95 = shed.p95,
                                  .share = shed.share};
}

}  // namespace weir::upstream
