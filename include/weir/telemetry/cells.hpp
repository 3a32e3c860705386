// What metrics are counted in. A cell is written by one thread only and read by any: a plain load
// and store, no lock and no lock prefix. SharedValue is the exception, for what is rarely written.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "weir/base/time.hpp"

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

// Durations in the buckets of every duration metric. observe(): the owning thread.
class Histogram {
 public:
  static constexpr std::size_t bound_count = 14;
  // Upper bounds, inclusive, in nanoseconds: 0.5 ms ... 10 s. Each is at least twice the one
  // before, which bucket_of relies on.
  static constexpr std::array<std::int64_t, bound_count> bounds{
      500'000,       1'000'000,     2'500'000,     5'000'000,     10'000'000,
      25'000'000,    50'000'000,    100'000'000,   250'000'000,   500'000'000,
      1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};

  // A negative duration counts as zero.
  void observe(Duration duration) noexcept {
    const std::int64_t ns = duration.count() < 0 ? 0 : duration.count();
    buckets_[bucket_of(ns)].add();
    sum_.add(static_cast<std::uint64_t>(ns));
  }

  // Not cumulative; the last one is what lies above every bound.
  std::uint64_t in_bucket(std::size_t i) const noexcept { return buckets_[i].value(); }
  std::uint64_t sum_nanoseconds() const noexcept { return sum_.value(); }

  // The bucket of `ns`. REQUIRES: ns >= 0.
  static constexpr std::size_t bucket_of(std::int64_t ns) noexcept {
    const auto width = static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(ns)));
    const std::size_t first = first_of_width[width];
    return first + (ns > bounds_and_end[first] ? 1 : 0);
  }

 private:
  // Of values with that many bits the lowest possible bucket. Since bounds at least double, only
  // one more comparison decides.
  static constexpr std::array<std::uint8_t, 65> first_of_width = [] {
    std::array<std::uint8_t, 65> first{};
    for (std::size_t width = 0; width < first.size(); ++width) {
      const std::uint64_t least = width == 0 ? 0 : std::uint64_t{1} << (width - 1);
      std::uint8_t below = 0;
      while (below < bound_count && static_cast<std::uint64_t>(bounds[below]) < least) ++below;
      first[width] = below;
    }
    return first;
  }();
  static constexpr std::array<std::int64_t, bound_count + 1> bounds_and_end = [] {
    std::array<std::int64_t, bound_count + 1> all{};
    for (std::size_t i = 0; i < bound_count; ++i) all[i] = bounds[i];
    all[bound_count] = INT64_MAX;
    return all;
  }();

  std::array<Counter, bound_count + 1> buckets_;
  Counter sum_;  // nanoseconds: full after 584 years of waiting
};

}  // namespace weir::telemetry
