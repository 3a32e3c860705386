#include "weir/control/reported_weight.hpp"

#include <algorithm>
#include <cmath>

namespace weir::control {
namespace {

constexpr double largest_reported = 65535;

}  // namespace

double weight_by_load(double rps, double utilization, double eps) noexcept {
  if (!(rps > 0) || !(utilization > 0) || !(eps >= 0)) return 0;
  const double weight = rps / (utilization + eps / rps);
  // What is not a number above 0 came of numbers that are no load.
  return std::isnormal(weight) ? weight : 0;
}

void ReportedWeight::report(double weight, TimePoint now) noexcept {
  const Duration::rep at = now.time_since_epoch().count();
  const Duration::rep last = last_.load(std::memory_order_relaxed);
  // Two workers may both find that reports begin; then they begin within a turn of each other.
  if (last == never || at - last >= stale.count()) since_.store(at, std::memory_order_relaxed);
  weight_.store(weight, std::memory_order_relaxed);
  last_.store(at, std::memory_order_release);
}

ReportedWeight::View ReportedWeight::view(TimePoint now, TimePoint in_use_since) const noexcept {
  const Duration::rep last = last_.load(std::memory_order_acquire);
  if (last == never) return {};
  // Each worker has a time of its own turn: another's may be ahead.
  const auto age_of = [now](TimePoint then) {
    return std::max<Duration>(now - then, Duration::zero());
  };
  View out{.weight = weight_.load(std::memory_order_relaxed),
           .last = age_of(TimePoint(Duration(last)))};
  const TimePoint since(Duration(since_.load(std::memory_order_relaxed)));
  out.since = age_of(std::max(since, in_use_since));
  out.standing = out.last >= stale      ? Standing::stale
                 : out.since < blackout ? Standing::blackout
                                        : Standing::used;
  return out;
}

double mean_weight(std::span<const double> reported) noexcept {
  // Of parts of the largest: a sum of large ones would not be finite.
  double largest = 0;
  for (const double each : reported) largest = std::max(largest, each);
  if (largest == 0) return 0;
  double parts = 0;
  std::size_t count = 0;
  for (const double each : reported) {
    if (!(each > 0)) continue;
    parts += each / largest;
    ++count;
  }
  return largest * (parts / static_cast<double>(count));
}

std::vector<std::uint32_t> weights_by_reports(std::span<const double> reported,
                                              std::span<const std::uint32_t> configured) {
  std::vector<std::uint32_t> out(configured.begin(), configured.end());
  const double mean = mean_weight(reported);
  if (mean == 0) return out;
  const double largest = *std::ranges::max_element(reported);
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (out[i] == 0) continue;
    const double weight = reported[i] > 0 ? reported[i] : mean;
    const double scaled = weight / largest * largest_reported;
    out[i] = static_cast<std::uint32_t>(std::clamp(std::round(scaled), 1.0, largest_reported));
  }
  return out;
}

}  // namespace weir::control
