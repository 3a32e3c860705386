// How long a retry waits: a random time, so that those who failed together do not come back
// together. Pure: the chance is an argument.
#pragma once

#include <algorithm>
#include <cstdint>

#include "weir/base/time.hpp"

namespace weir::control {

// Evenly in [least, most], `chance` being evenly anything.
constexpr Duration random_time(Duration least, Duration most, std::uint64_t chance) noexcept {
  if (most <= least) return least;
  return least + Duration(static_cast<Duration::rep>(
                     chance % (static_cast<std::uint64_t>((most - least).count()) + 1)));
}

// Full jitter: evenly in [0, min(max, base * 2^(retry - 1))]. `retry` is from 1.
constexpr Duration retry_backoff(Duration base, Duration max, unsigned retry,
                                 std::uint64_t chance) noexcept {
  Duration most = std::min(base, max);
  for (unsigned n = 1; n < retry && most < max; ++n) most = most > max / 2 ? max : 2 * most;
  return random_time(Duration::zero(), most, chance);
}

// How long the only endpoint of an upstream is left alone after a connect that failed: a process
// that starts again needs a moment, and those who wait shall not come back together.
constexpr Duration pause_before_last(std::uint64_t chance) noexcept {
  return random_time(std::chrono::milliseconds(25), std::chrono::milliseconds(100), chance);
}

}  // namespace weir::control
