// What checks and errors say of one endpoint: whether it may be used, and since when. Shared by the
// whole process; atomics, any thread.
#pragma once

#include <atomic>

#include "weir/base/time.hpp"

namespace weir::control {

class EndpointHealth {
 public:
  // Not unhealthy by checks and not ejected for its errors.
  bool in() const noexcept { return in_.load(std::memory_order_relaxed); }
  // Since when it is in; the epoch while that has not changed since the process knows it.
  TimePoint since() const noexcept { return TimePoint(Duration(since_.load())); }

 private:
  std::atomic<bool> in_{true};
  std::atomic<Duration::rep> since_{0};
};

}  // namespace weir::control
