// Wall-clock time of steady time points.
#pragma once

#include <chrono>

#include "telemetry/timestamp.hpp"
#include "weir/base/time.hpp"

namespace weir::telemetry {

// The offset is looked up once a second, so that a clock that is set is followed and a line costs
// no clock call. One thread.
class WallClock {
 public:
  // The same for the same `time`, when it is asked for again at once: two lines about one request
  // agree.
  WallTime at(TimePoint time) noexcept {
    if (time == asked_) return told_;
    if (time - looked_up_ >= std::chrono::seconds(1) ||
        looked_up_ - time >= std::chrono::seconds(1)) {
      looked_up_ = Clock::now();
      offset_ = std::chrono::system_clock::now().time_since_epoch() - looked_up_.time_since_epoch();
    }
    asked_ = time;
    told_ =
        WallTime(std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch() + offset_));
    return told_;
  }

 private:
  TimePoint looked_up_{};
  Duration offset_{};
  TimePoint asked_ = TimePoint::min();
  WallTime told_{};
};

// By the clock of the calling thread.
inline WallTime wall_time(TimePoint time) noexcept {
  thread_local WallClock clock;
  return clock.at(time);
}

}  // namespace weir::telemetry
