#include "weir/control/latency_tally.hpp"

#include <algorithm>
#include <bit>

namespace weir::control {

std::size_t LatencyTally::bucket_of(Duration took) noexcept {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), least));
  const auto octave = static_cast<unsigned>(std::bit_width(ns)) - 1;
  // The four bits behind the first.
  const auto step = static_cast<unsigned>(ns >> (octave - 4)) % steps_per_octave;
  const std::size_t bucket =
      std::size_t{octave - static_cast<unsigned>(std::countr_zero(static_cast<unsigned>(least)))} *
          steps_per_octave +
      step;
  return std::min(bucket, buckets - 1);
}

double LatencyTally::begin_of(std::size_t bucket) noexcept {
  const double octave = static_cast<double>(least) *
                        static_cast<double>(std::uint64_t{1} << (bucket / steps_per_octave));
  return octave * (1 + static_cast<double>(bucket % steps_per_octave) / steps_per_octave);
}

void LatencyTally::add(Duration took, std::uint64_t in_flight) noexcept {
  counts_[bucket_of(took)].fetch_add(1, std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
  std::uint64_t most = most_in_flight_.load(std::memory_order_relaxed);
  while (most < in_flight &&
         !most_in_flight_.compare_exchange_weak(most, in_flight, std::memory_order_relaxed)) {
  }
}

LatencyFigures LatencyTally::take() noexcept {
  LatencyFigures out;
  out.most_in_flight = most_in_flight_.exchange(0, std::memory_order_relaxed);
  count_.store(0, std::memory_order_relaxed);
  std::array<std::uint32_t, buckets> counts;
  for (std::size_t i = 0; i < buckets; ++i) {
    counts[i] = counts_[i].exchange(0, std::memory_order_relaxed);
    out.count += counts[i];
  }
  if (out.count == 0) return out;
  // In the middle of the bucket that the middle one is in, by its place there.
  const double middle = static_cast<double>(out.count) / 2;
  double before = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    const auto here = static_cast<double>(counts[i]);
    if (before + here < middle) {
      before += here;
      continue;
    }
    const double part = here == 0 ? 0 : (middle - before) / here;
    const double begin = begin_of(i);
    out.median = Duration(static_cast<Duration::rep>(begin + part * (begin_of(i + 1) - begin)));
    break;
  }
  return out;
}

}  // namespace weir::control
