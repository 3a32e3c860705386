// Counts durations in bounded memory, and tells percentiles of them: each power of two is cut into
// 64 equal parts, so a percentile is at most 1/64 (1.6 %) above the true one, and never below it.
// One thread.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "weir/base/time.hpp"

namespace weir::bench {

class Histogram {
 public:
  // Longer ones count as so long.
  static constexpr Duration longest = std::chrono::hours(4);

  // One below zero counts as zero.
  void add(Duration value) {
    value = std::clamp(value, Duration::zero(), longest);
    const std::size_t index = index_of(static_cast<std::uint64_t>(value.count()));
    if (index >= counts_.size()) counts_.resize(index + 1);
    ++counts_[index];
    least_ = count_ == 0 ? value : std::min(least_, value);
    most_ = std::max(most_, value);
    sum_ += static_cast<double>(value.count());
    ++count_;
  }
  void add(const Histogram& other) {
    if (other.count_ == 0) return;
    if (other.counts_.size() > counts_.size()) counts_.resize(other.counts_.size());
    for (std::size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
    least_ = count_ == 0 ? other.least_ : std::min(least_, other.least_);
    most_ = std::max(most_, other.most_);
    sum_ += other.sum_;
    count_ += other.count_;
  }

  std::uint64_t count() const noexcept { return count_; }
  // All of these are zero where nothing was counted.
  Duration least() const noexcept { return least_; }
  Duration most() const noexcept { return most_; }
  Duration mean() const noexcept {
    if (count_ == 0) return {};
    return Duration(std::llround(sum_ / static_cast<double>(count_)));
  }
  // The smallest value that `share` (0 to 1) of all do not exceed, as its part's upper end.
  Duration percentile(double share) const noexcept {
    if (count_ == 0) return {};
    // What a product like 0.07 * 100 has too much is not one more value.
    const double wanted = std::ceil(share * static_cast<double>(count_) - 1e-9);
    const auto rank = static_cast<std::uint64_t>(std::max(wanted, 1.0));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen < rank) continue;
      return std::min(most_, Duration(static_cast<Duration::rep>(upper_end(i))));
    }
    return most_;
  }

 private:
  static constexpr unsigned bits = 6;
  static constexpr std::uint64_t parts = std::uint64_t{1} << bits;

  // Below 128 a part is one nanosecond.
  static constexpr std::size_t index_of(std::uint64_t value) noexcept {
    if (value < 2 * parts) return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - (bits + 1);
    return shift * parts + (value >> shift);
  }
  static constexpr std::uint64_t upper_end(std::size_t index) noexcept {
    if (index < 2 * parts) return index;
    const std::uint64_t shift = index / parts - 1;
    return ((index - shift * parts + 1) << shift) - 1;
  }

  std::vector<std::uint32_t> counts_;  // up to the longest that was counted
  std::uint64_t count_ = 0;
  double sum_ = 0;  // nanoseconds
  Duration least_{};
  Duration most_{};
};

}  // namespace weir::bench
