// Whose turn it is to be probed among the endpoints of an upstream: one at a time, so that the
// others have room for what it does not take meanwhile. Who never ends its turn, because nothing
// ends there any more, loses it. Any thread.
#pragma once

#include <atomic>

#include "weir/base/time.hpp"

namespace weir::control {

class ProbeTurn {
 public:
  // True: it is the caller's until `until`, or until it calls end() with the same time.
  bool take(TimePoint now, Deadline until) noexcept {
    TimePoint::rep before = until_.load(std::memory_order_relaxed);
    return before <= now.time_since_epoch().count() &&
           until_.compare_exchange_strong(before, until.time_since_epoch().count(),
                                          std::memory_order_relaxed);
  }
  // Whose turn it no longer is ends nothing.
  void end(Deadline until) noexcept {
    TimePoint::rep mine = until.time_since_epoch().count();
    until_.compare_exchange_strong(mine, 0, std::memory_order_relaxed);
  }

 private:
  std::atomic<TimePoint::rep> until_{0};
};

}  // namespace weir::control
