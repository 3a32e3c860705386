// What the answers of one endpoint took since the last look: how many came, the median, and the
// most requests that it had at a time. Any thread adds, without a lock; one thread at a time takes.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "weir/base/time.hpp"

namespace weir::control {

struct LatencyFigures {
  std::uint64_t count = 0;
  Duration median{};                 // zero when nothing came
  std::uint64_t most_in_flight = 0;  // when one of them ended, itself included
};

class LatencyTally {
 public:
  // `took` counts up to two minutes; `in_flight` as of LatencyFigures.
  void add(Duration took, std::uint64_t in_flight) noexcept;
  std::uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed); }
  // What came, and begins anew. What is added meanwhile belongs to this window or to the next.
  LatencyFigures take() noexcept;

 private:
  // Sixteen for each power of two, from 16 us on: a median is exact to 6 %.
  static constexpr unsigned steps_per_octave = 16;
  static constexpr unsigned octaves = 23;
  static constexpr std::size_t buckets = std::size_t{steps_per_octave} * octaves;
  static constexpr std::int64_t least = 16'384;  // ns; what is quicker counts as this

  static std::size_t bucket_of(Duration took) noexcept;
  static double begin_of(std::size_t bucket) noexcept;  // ns

  std::array<std::atomic<std::uint32_t>, buckets> counts_{};
  std::atomic<std::uint64_t> count_{0};
  std::atomic<std::uint64_t> most_in_flight_{0};
};

}  // namespace weir::control
