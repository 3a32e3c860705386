#include "weir/control/heuristic_limit.hpp"

#include <algorithm>
#include <cmath>

namespace weir::control {

double HeuristicLimit::load_factor(Duration least, Duration median) noexcept {
  return static_cast<double>(least.count()) / static_cast<double>(std::max(least, median).count());
}

double HeuristicLimit::idle_share(Duration least, Duration median) noexcept {
  const Duration queued = std::max(least, median) - least;
  return std::max(0.0,
                  1 - static_cast<double>(queued.count()) / static_cast<double>(least.count()));
}

void HeuristicLimit::passed(double seconds, double load_factor, double idle_share) noexcept {
  const auto base = static_cast<double>(policy_.base);
  const auto floor = static_cast<double>(policy_.floor);
  const double grown =
      allowed_ * std::pow(1 + idle_share, std::clamp(std::floor(seconds), 1.0, 64.0));
  // What is not exact in binary shall not cost a whole request.
  constexpr double rounding = 1e-9;
  allowed_ = std::min(base * load_factor + rounding, std::max(floor, grown));
  allowed_ = std::clamp(allowed_, 1.0, base);
}

}  // namespace weir::control
