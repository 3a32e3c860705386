#include "weir/control/gradient_limit.hpp"

#include <algorithm>
#include <cmath>

namespace weir::control {

void GradientLimit::window(Duration least, const LatencyFigures& figures) noexcept {
  if (figures.count == 0 || least <= Duration::zero()) return;
  const double median = static_cast<double>(std::max(figures.median, least).count());
  const double ratio =
      std::clamp(tolerance * static_cast<double>(least.count()) / median, least_ratio, 1.0);
  const auto in_flight = static_cast<double>(figures.most_in_flight);
  const bool used = in_flight * 2 >= std::floor(limit_);
  if (ratio < 1 && figures.most_in_flight > policy_.min) doubles_ = false;
  double next = limit_ * ratio + std::sqrt(limit_);
  if (doubles_ && ratio == 1) next = limit_ * 2;
  if (next > limit_ && !used) return;
  if (next < limit_ && figures.most_in_flight <= policy_.min) return;
  limit_ = std::clamp(next, static_cast<double>(policy_.min), static_cast<double>(policy_.max));
}

}  // namespace weir::control
