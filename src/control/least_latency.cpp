#include "weir/control/least_latency.hpp"

#include <algorithm>

namespace weir::control {

void LeastLatency::measure(Duration median) noexcept {
  value_ = value_ == Duration::zero() ? median : std::min(median, 2 * value_);
}

void LeastLatency::window(TimePoint now, const LatencyFigures& figures, bool at_rest) noexcept {
  if (figures.count < least_answers) return;
  const bool lower = value_ == Duration::zero() || figures.median < value_;
  if (lower || at_rest) measure(figures.median);
  // One that is lower with more requests is a measure, too, but no reason to go without a probe.
  if (at_rest) measured_ = now;
}

void LeastLatency::begin_probe(TimePoint now) noexcept {
  probing_ = true;
  probe_end_ = now + std::clamp<Duration>(4 * value_, shortest_probe, longest_probe);
}

void LeastLatency::end_probe(TimePoint now, const LatencyFigures& figures) noexcept {
  probing_ = false;
  probe_end_ = no_deadline;
  measured_ = now;
  if (figures.count >= least_answers) measure(figures.median);
}

}  // namespace weir::control
