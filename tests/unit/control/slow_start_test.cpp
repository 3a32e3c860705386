#include "weir/control/slow_start.hpp"

#include <gtest/gtest.h>

namespace weir::control {
namespace {

using namespace std::chrono_literals;

TEST(SlowStart, GrowsFromATenthToTheWhole) {
  const TimePoint since = TimePoint() + 1000s;
  struct Row {
    const char* name;
    Duration over;
    TimePoint since;
    Duration later;
    std::uint32_t percent;
    Duration next;  // after `since`; -1: never
  };
  const Row rows[] = {
      {"off", 0s, since, 0s, 100, -1s},
      {"it always was there", 20s, TimePoint(), 0s, 100, -1s},
      {"at first", 20s, since, 0s, 10, 1s},
      {"before the first step", 20s, since, 999ms, 10, 1s},
      {"after it", 20s, since, 1s, 14, 2s},
      {"half", 20s, since, 10s, 55, 11s},
      {"the last step", 20s, since, 19'999ms, 95, 20s},
      {"the end", 20s, since, 20s, 100, -1s},
      {"long after", 20s, since, 1000s, 100, -1s},
      {"a clock that went on too late", 20s, since, -5s, 10, 1s},
      {"very short", 1us, since, 0s, 10, 1ms},
  };
  for (const Row& row : rows) {
    const SlowStart growing(row.over);
    EXPECT_EQ(growing.percent(row.since, since + row.later), row.percent) << row.name;
    const Deadline next = growing.next_step(row.since, since + row.later);
    EXPECT_EQ(next, row.next < 0s ? no_deadline : since + row.next) << row.name;
  }
}

TEST(SlowStart, FollowingItsStepsIsEnough) {
  const TimePoint since = TimePoint() + 1h;
  for (const Duration over : {Duration(1ms), Duration(333ms), Duration(30s)}) {
    const SlowStart growing(over);
    std::uint32_t last = 0;
    int steps = 0;
    for (Deadline at = since; at != no_deadline; at = growing.next_step(since, at)) {
      const std::uint32_t now = growing.percent(since, at);
      ASSERT_GT(now, last);
      last = now;
      ++steps;
    }
    EXPECT_EQ(last, 100u);
    EXPECT_EQ(steps, SlowStart::steps + 1);
  }
}

}  // namespace
}  // namespace weir::control
