#include "codec/h2/flood_guard.hpp"

#include <gtest/gtest.h>

namespace weir::codec::h2 {
namespace {

using namespace std::chrono_literals;

TEST(FloodGuardTest, ResetsAreForgivenWithTime) {
  const TimePoint start{};
  FloodGuard guard(start);
  int allowed = 0;
  while (guard.reset(start)) ++allowed;
  EXPECT_EQ(allowed, static_cast<int>(FloodGuard::most_resets));
  EXPECT_TRUE(guard.reset(start + 1s));
}

TEST(FloodGuardTest, AnsweredRequestsPayForResets) {
  const TimePoint start{};
  FloodGuard guard(start);
  for (int i = 0; i < 100'000; ++i) {
    guard.answered();
    ASSERT_TRUE(guard.reset(start));
  }
  int allowed = 0;
  while (guard.reset(start)) ++allowed;
  EXPECT_LE(allowed, static_cast<int>(FloodGuard::most_resets));
}

TEST(FloodGuardTest, UsefulFramesPayForIdleOnes) {
  const TimePoint start{};
  FloodGuard guard(start);
  for (int i = 0; i < 100'000; ++i) {
    guard.useful_frame();
    ASSERT_TRUE(guard.idle_frame(start));
    ASSERT_TRUE(guard.idle_frame(start));
  }
  int allowed = 0;
  while (guard.idle_frame(start)) ++allowed;
  EXPECT_LE(allowed, static_cast<int>(FloodGuard::most_idle_frames));
  EXPECT_TRUE(guard.idle_frame(start + 1s));
}

}  // namespace
}  // namespace weir::codec::h2
