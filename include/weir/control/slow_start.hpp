// How the weight of an endpoint grows after it came or came back: from 10 % to all of it, evenly
// over `slow_start`, in twenty steps. So weights change a few times, not with each request. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "weir/base/time.hpp"

namespace weir::control {

class SlowStart {
 public:
  static constexpr std::uint32_t first_percent = 10;
  static constexpr int steps = 20;

  // `over` zero: it is off.
  explicit constexpr SlowStart(Duration over) noexcept : over_(over) {}

  // Of the weight of one that is in use since `since` (the epoch: it always was): 10 to 100.
  constexpr std::uint32_t percent(TimePoint since, TimePoint now) const noexcept {
    if (!grows(since, now)) return 100;
    const Duration::rep done = std::max(Duration::zero(), now - since) / step();
    return first_percent + static_cast<std::uint32_t>((100 - first_percent) * done / steps);
  }
  // When percent() is another one next; no_deadline if never.
  constexpr Deadline next_step(TimePoint since, TimePoint now) const noexcept {
    if (!grows(since, now)) return no_deadline;
    return since + step() * (std::max(Duration::zero(), now - since) / step() + 1);
  }

 private:
  constexpr bool grows(TimePoint since, TimePoint now) const noexcept {
    return over_ != Duration::zero() && since != TimePoint() && now - since < step() * steps;
  }
  // Not zero, however short the whole is.
  constexpr Duration step() const noexcept {
    return std::max<Duration>(over_ / steps, std::chrono::milliseconds(1));
  }

  Duration over_;
};

}  // namespace weir::control
