// The one clock of decisions and deadlines. Everything that decides takes `now` as an argument;
// only I/O reads a clock.
#pragma once

#include <chrono>

namespace weir {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;  // nanoseconds

// An absolute end; TimePoint::max() is none.
using Deadline = TimePoint;
inline constexpr Deadline no_deadline = TimePoint::max();

// `now + timeout`; a zero timeout means none.
constexpr Deadline deadline_after(TimePoint now, Duration timeout) noexcept {
  return timeout == Duration::zero() ? no_deadline : now + timeout;
}

}  // namespace weir
