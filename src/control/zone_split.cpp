#include "weir/control/zone_split.hpp"

#include <algorithm>

namespace weir::control {

double local_zone_share(std::span<const double> zones, std::size_t local) noexcept {
  if (local >= zones.size() || !(zones[local] > 0)) return 0;
  double all = 0;
  std::size_t count = 0;
  for (const double weight : zones) {
    if (!(weight > 0)) continue;
    all += weight;
    ++count;
  }
  if (count == 1) return 1;
  // The product first: equal weights make exactly 1.
  return std::min(1.0, static_cast<double>(count) * zones[local] / all);
}

}  // namespace weir::control
