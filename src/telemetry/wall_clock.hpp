// Wall-clock time of steady time points. One thread.
#pragma once

#include <chrono>

#include "telemetry/timestamp.hpp"
#include "weir/base/time.hpp"

namespace weir::telemetry {

// The offset is looked up once a second, so that a clock that is set is followed and a line costs
// no clock call.
class WallClock {
 public:
  WallTime at(TimePoint time) noexcept {
    if (time - looked_up_ >= std::chrono::seconds(1) ||
        looked_up_ - time >= std::chrono::seconds(1)) {
      looked_up_ = Clock::now();
      offset_ = std::chrono::system_clock::now().time_since_epoch() - looked_up_.time_since_epoch();
    }
    return WallTime(
        std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch() + offset_));
  }

 private:
  TimePoint looked_up_{};
  Duration offset_{};
};

}  // namespace weir::telemetry
