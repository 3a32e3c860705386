// A token bucket whose whole state is one word: the time at which it will be full again (GCRA, the
// generic cell rate algorithm). Time is counted in units of which a token has a whole number, and
// always from the same zero, so no rounding adds up however long it runs. Pure and const: the word
// is the caller's.
#pragma once

#include <algorithm>
#include <cstdint>

#include "weir/base/time.hpp"

namespace weir::control {

class Gcra {
 public:
  // The state of a bucket; 0 is a full one. It only grows.
  using Word = std::uint64_t;

  // A moment in the bucket's units, rounded down. Any time from the clock's zero to 36 years
  // after it; one beyond counts as the nearer end.
  struct Moment {
    std::uint64_t units = 0;
  };

  // What a caller is told.
  struct View {
    std::uint64_t left = 0;  // whole tokens
    Duration grows{};        // until `left` grows; zero when it is full
    Duration full{};         // until it is full
  };

  // The longest that a bucket may take to fill.
  static constexpr Duration longest_fill = std::chrono::hours(24 * 365);

  // Whether such a bucket can be counted exactly: at most one token a nanosecond, and filled within
  // longest_fill.
  static bool possible(std::uint64_t tokens, Duration period, std::uint64_t burst) noexcept;

  // `tokens` come evenly in each `period`, and up to `burst` are kept. REQUIRES: possible().
  Gcra(std::uint64_t tokens, Duration period, std::uint64_t burst) noexcept;

  Moment at(TimePoint now) const noexcept {
    const auto ns = std::clamp<std::int64_t>(now.time_since_epoch().count(), 0, last_ns);
    return {static_cast<std::uint64_t>(
        (static_cast<unsigned __int128>(static_cast<std::uint64_t>(ns)) * units_per_ns_) >> shift)};
  }

  // Takes `cost` tokens if they are there: then `word` is the new state. Over any window t no more
  // than burst + rate * t tokens are taken, whatever the order in which moments come, and under
  // steady demand no fewer than that less one. A token comes at its time to the nanosecond, and for
  // rates that make up to 8 tokens in a whole number of nanoseconds exactly.
  // REQUIRES: 1 <= cost <= burst.
  bool take(Word& word, Moment now, std::uint64_t cost) const noexcept {
    // Whether it was full is for nobody to predict, so it is no branch.
    const std::uint64_t next = std::max(word, now.units) + cost * token_;
    if (next > now.units + capacity_) return false;
    word = next;
    return true;
  }

  // Whether the bucket has been full for `since` at least.
  bool full(Word word, Moment now, Duration since = Duration::zero()) const noexcept {
    return word + static_cast<std::uint64_t>(since.count()) * most_units_per_ns <= now.units ||
           word == 0;
  }

  View view(Word word, Moment now) const noexcept;

  std::uint64_t burst() const noexcept { return burst_; }

 private:
  static constexpr int shift = 60;
  static constexpr std::int64_t last_ns = (std::int64_t{1} << shift) - 1;
  static constexpr std::uint64_t most_units_per_ns = 8;

  Duration to_time(std::uint64_t units) const noexcept;

  std::uint64_t burst_;
  std::uint64_t token_;               // units
  std::uint64_t capacity_;            // units of `burst`
  std::uint64_t units_per_ns_;        // times 2^shift, rounded down
  std::uint64_t whole_units_per_ns_;  // where there is no fraction, else 0
  std::uint64_t ns_per_unit_;         // times 2^63, rounded
};

}  // namespace weir::control
