#include "upstream/limit_policy.hpp"

namespace weir::upstream {

std::optional<control::MeasuredLimit::Policy> limit_policy(const config::Concurrency& concurrency) {
  switch (concurrency.policy) {
    case config::ConcurrencyPolicy::off:
    case config::ConcurrencyPolicy::fixed:
      break;
    case config::ConcurrencyPolicy::gradient:
      return control::GradientPolicy{.min = concurrency.min, .max = concurrency.max};
    case config::ConcurrencyPolicy::heuristic:
      return control::HeuristicPolicy{.base = concurrency.base, .floor = concurrency.floor};
  }
  return std::nullopt;
}

}  // namespace weir::upstream
