#include "weir/control/peak_ewma.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

namespace weir::control {
namespace {

// Below this no two endpoints differ.
constexpr double least_latency = 1e-5;
constexpr double shortest_failure = 0.1;
constexpr double longest_failure = 10;

double seconds_in(Duration duration) noexcept {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

double PeakLatency::at(TimePoint now) const noexcept {
  if (seconds_ == 0) return 0;
  const double age = seconds_in(std::max(Duration::zero(), now - heard_));
  return std::max(least_latency, seconds_ * std::exp(-age / seconds_in(decay)));
}

void PeakLatency::answered(TimePoint now, Duration took) noexcept {
  const double seconds = std::max(least_latency, seconds_in(took));
  if (const double before = at(now); seconds < before) {
    const double age = seconds_in(std::max(Duration::zero(), now - heard_));
    const double kept = std::exp(-age / seconds_in(decay));
    // `before` has lost what it forgot.
    seconds_ = before + seconds * (1 - kept);
  } else {
    seconds_ = seconds;
  }
  heard_ = std::max(heard_, now);
}

void PeakLatency::failed(TimePoint now, Duration took) noexcept {
  const double as_slow = std::clamp(10 * at(now), shortest_failure, longest_failure);
  seconds_ = std::max(as_slow, seconds_in(took));
  heard_ = std::max(heard_, now);
}

void PeakEwma::take(std::span<const std::uint32_t> weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  const auto some = static_cast<double>(std::ranges::count_if(weights, [](auto w) { return w; }));
  shares_.clear();
  for (const std::uint32_t weight : weights) {
    shares_.push_back(weight == 0 ? 0.0 : weight * some / sum);
  }
  latencies_.assign(weights.size(), 0);
  in_reach_.assign(weights.size(), false);
}

void PeakEwma::reset(std::span<const std::uint32_t> weights, unsigned worker, unsigned workers) {
  take(weights);
  ties_.reset(weights, worker, workers);
}

void PeakEwma::change(std::span<const std::uint32_t> weights, Places before) {
  take(weights);
  ties_.change(weights, before);
}

}  // namespace weir::control
