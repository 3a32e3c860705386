// What metrics are counted in. A cell is written by one thread only and read by any: a plain load
// and store, no lock and no lock prefix. SharedValue is the exception, for what is rarely written.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "weir/base/time.hpp"
#include "weir/telemetry/exemplar.hpp"

namespace weir::telemetry {

// Only grows. add(): the owning thread.
class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Goes up and down. add() and set(): the owning thread. One worker's share of a gauge may be
// negative when the end of what it counts is seen by another worker; the sum is right.
class Gauge {
 public:
  void add(std::int64_t n = 1) noexcept { set(value() + n); }
  void set(std::int64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
  std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// A level or a ratio that any thread sets and the scrape reads as it is.
class SharedValue {
 public:
  explicit SharedValue(double initial = 0) noexcept : value_(initial) {}
  void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
  double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_;
};

// Durations, ten buckets a decade from 0.1 ms to 10 s. observe(): the owning thread.
class Histogram {
 public:
  static constexpr std::size_t bound_count = 51;
  // Upper bounds, inclusive, in nanoseconds: 1 1.25 1.6 2 2.5 3.15 4 5 6.3 8 of each decade. Each
  // is at least an eighth larger than the one before, which bucket_of relies on.
  static constexpr std::array<std::int64_t, bound_count> bounds = [] {
    constexpr std::array<std::int64_t, 10> steps{100'000, 125'000, 160'000, 200'000, 250'000,
                                                 315'000, 400'000, 500'000, 630'000, 800'000};
    std::array<std::int64_t, bound_count> all{};
    std::int64_t scale = 1;
    for (std::size_t i = 0; i < bound_count; ++i) {
      all[i] = steps[i % steps.size()] * scale;
      if (i % steps.size() == steps.size() - 1) scale *= 10;
    }
    return all;
  }();
  // Those of 0.5 ms, 1 ms, 2.5 ms, 5 ms ... 10 s, by their place in `bounds`: what a scrape shows
  // without `metrics.detail: fine`.
  static constexpr std::array<std::uint8_t, 14> coarse{7,  10, 14, 17, 20, 24, 27,
                                                       30, 34, 37, 40, 44, 47, 50};

  Histogram() = default;
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;
  ~Histogram() { delete exemplars_.load(std::memory_order_acquire); }

  // A negative duration counts as zero.
  void observe(Duration duration) noexcept { count(duration); }
  // The same of a request with a trace: it becomes the exemplar of its bucket. Without a trace this
  // costs a branch; the first one with a trace allocates.
  void observe(Duration duration, const TraceId& trace) noexcept {
    const std::size_t bucket = count(duration);
    if (trace) [[unlikely]]
      keep(bucket, duration, trace);
  }

  // Not cumulative; the last one is what lies above every bound.
  std::uint64_t in_bucket(std::size_t i) const noexcept { return buckets_[i].value(); }
  std::uint64_t sum_nanoseconds() const noexcept { return sum_.value(); }
  // Null while no request had a trace. Any thread.
  const Exemplars* exemplars() const noexcept { return exemplars_.load(std::memory_order_acquire); }

  // The bucket of `ns`. REQUIRES: ns >= 0.
  static constexpr std::size_t bucket_of(std::int64_t ns) noexcept {
    const std::size_t first = first_of_cell[cell_of(static_cast<std::uint64_t>(ns))];
    return first + (ns > bounds_and_end[first] ? 1 : 0);
  }

 private:
  // Cells are an eighth of an octave: the leading bit of a number and the three behind it.
  static constexpr std::size_t cell_of(std::uint64_t ns) noexcept {
    const std::uint64_t at_least = ns | 8;  // far below every bound
    const auto width = static_cast<unsigned>(std::bit_width(at_least));
    return width * 8 + (at_least >> (width - 4) & 7);
  }
  // Of the values in a cell the lowest possible bucket. No cell has more than one bound, so only
  // one more comparison decides.
  static constexpr std::array<std::uint8_t, 65 * 8> first_of_cell = [] {
    std::array<std::uint8_t, 65 * 8> first{};
    for (std::size_t cell = 4 * 8; cell < first.size(); ++cell) {
      const std::uint64_t least = std::uint64_t{8 + cell % 8} << (cell / 8 - 4);
      std::uint8_t below = 0;
      while (below < bound_count && static_cast<std::uint64_t>(bounds[below]) < least) ++below;
      first[cell] = below;
    }
    return first;
  }();
  static constexpr std::array<std::int64_t, bound_count + 1> bounds_and_end = [] {
    std::array<std::int64_t, bound_count + 1> all{};
    for (std::size_t i = 0; i < bound_count; ++i) all[i] = bounds[i];
    all[bound_count] = INT64_MAX;
    return all;
  }();

  std::size_t count(Duration duration) noexcept {
    const std::int64_t ns = duration.count() < 0 ? 0 : duration.count();
    const std::size_t bucket = bucket_of(ns);
    buckets_[bucket].add();
    sum_.add(static_cast<std::uint64_t>(ns));
    return bucket;
  }
  // Without memory the exemplar is not kept.
  void keep(std::size_t bucket, Duration duration, const TraceId& trace) noexcept;

  std::array<Counter, bound_count + 1> buckets_;
  Counter sum_;  // nanoseconds: full after 584 years of waiting
  std::atomic<Exemplars*> exemplars_{nullptr};
};

}  // namespace weir::telemetry
