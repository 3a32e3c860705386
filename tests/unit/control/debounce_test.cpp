#include "weir/control/debounce.hpp"

#include <gtest/gtest.h>

namespace weir::control {
namespace {

using namespace std::chrono_literals;

TEST(Debounce, ActsAfterASilence) {
  Debounce burst(200ms, 2s);
  const TimePoint start{10s};
  EXPECT_FALSE(burst.pending());
  EXPECT_EQ(burst.happened(start), start + 200ms);
  EXPECT_TRUE(burst.pending());
  EXPECT_EQ(burst.happened(start + 150ms), start + 350ms);
  burst.acted();
  EXPECT_FALSE(burst.pending());
  EXPECT_EQ(burst.happened(start + 5s), start + 5200ms);
}

TEST(Debounce, NoBurstLastsForEver) {
  Debounce burst(200ms, 2s);
  const TimePoint start{10s};
  TimePoint due{};
  for (Duration at = 0ms; at < 10s; at += 100ms) {
    due = burst.happened(start + at);
    if (due <= start + at) break;
  }
  EXPECT_EQ(due, start + 2s);
}

}  // namespace
}  // namespace weir::control
