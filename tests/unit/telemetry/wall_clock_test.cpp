#include "telemetry/wall_clock.hpp"

#include <gtest/gtest.h>

namespace weir::telemetry {
namespace {

using namespace std::chrono_literals;

TEST(WallClock, IsNearTheSystems) {
  WallClock clock;
  const auto off = clock.at(Clock::now()) - std::chrono::system_clock::now();
  EXPECT_LT(off, 10s);
  EXPECT_GT(off, -10s);
}

// As of a request that took longer than an offset lasts: it is looked up for each line.
TEST(WallClock, TellsTheSameTimeTheSameTwice) {
  WallClock clock;
  const TimePoint long_ago = Clock::now() - 1h;
  for (int i = 0; i < 20'000; ++i) {
    const TimePoint time = long_ago + std::chrono::nanoseconds(i);
    const WallTime first = clock.at(time);
    ASSERT_EQ(clock.at(time), first) << i;
  }
}

}  // namespace
}  // namespace weir::telemetry
