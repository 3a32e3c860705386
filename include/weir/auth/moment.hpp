// The two times of a decision: the clock of deadlines, and the calendar that tokens speak of.
#pragma once

#include <chrono>

#include "weir/base/time.hpp"

namespace weir::auth {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

struct Moment {
  TimePoint steady;
  WallTime wall;
};

}  // namespace weir::auth
