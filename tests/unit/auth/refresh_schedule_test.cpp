#include "auth/refresh_schedule.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace weir::auth {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{1h};

// Fetches once at `at`, whether it was due or not.
void fetch(RefreshSchedule& schedule, TimePoint at, bool success,
           std::optional<Duration> max_age = std::nullopt) {
  schedule.started();
  EXPECT_EQ(schedule.due(), TimePoint::max()) << "one at a time";
  success ? schedule.succeeded(at, max_age) : schedule.failed(at);
}

TEST(RefreshSchedule, TheFirstIsDueAtOnce) { EXPECT_EQ(RefreshSchedule(start).due(), start); }

TEST(RefreshSchedule, GoodAnswersAreFetchedAgainBeforeTheyEnd) {
  struct Row {
    const char* name;
    std::optional<Duration> max_age;
    Duration due;
  };
  const Row rows[]{
      {"says nothing", std::nullopt, 4min},
      {"ten minutes", 10min, 8min},
      {"none", 0s, 48s},
      {"a second", 1s, 48s},
      {"a year", 365 * 24h, 19h + 12min},
  };
  for (const Row& row : rows) {
    RefreshSchedule schedule(start);
    fetch(schedule, start, true, row.max_age);
    EXPECT_EQ(schedule.due() - start, row.due) << row.name;
    EXPECT_FALSE(schedule.running());
  }
}

TEST(RefreshSchedule, FailuresAreTriedAgainMoreAndMoreSeldom) {
  RefreshSchedule schedule(start);
  TimePoint now = start;
  for (const Duration wait : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    fetch(schedule, now, false);
    EXPECT_EQ(schedule.due() - now, wait);
    now = schedule.due();
  }
  fetch(schedule, now, true);
  fetch(schedule, now, false);
  EXPECT_EQ(schedule.due() - now, 1s) << "a success begins it anew";
}

TEST(RefreshSchedule, UnknownKeysAskOnceInHalfAMinute) {
  RefreshSchedule schedule(start);
  EXPECT_TRUE(schedule.asked(start)) << "the first is due anyway";
  schedule.started();
  EXPECT_TRUE(schedule.asked(start + 1s)) << "one runs";
  schedule.succeeded(start + 1s, 1h);
  TimePoint now = start + 2s;
  EXPECT_TRUE(schedule.asked(now)) << "those that ran were not asked for";
  EXPECT_EQ(schedule.due(), now);
  EXPECT_TRUE(schedule.asked(now + 1s)) << "it is due and has not begun";
  fetch(schedule, now + 1s, true, 1h);
  for (const Duration after : {1s, 2s, 10s, 29s}) {
    EXPECT_FALSE(schedule.asked(now + after)) << after.count();
    EXPECT_GT(schedule.due(), now + 1min);
  }
  EXPECT_TRUE(schedule.asked(now + 30s));
  fetch(schedule, now + 30s, false);
  EXPECT_FALSE(schedule.asked(now + 30s + 500ms)) << "a failure's second is waited for";
  EXPECT_TRUE(schedule.asked(now + 31s)) << "that retry is due";
}

// Each worker has a clock of its own, which stands still during a turn of its loop.
TEST(RefreshSchedule, AWorkerWhoseClockIsBehindWaitsForTheSameFetch) {
  RefreshSchedule schedule(start);
  fetch(schedule, start, true, 1h);
  const TimePoint now = start + 1min;
  EXPECT_FALSE(schedule.running_or_due(now));
  EXPECT_TRUE(schedule.asked(now));
  EXPECT_TRUE(schedule.asked(now - 1ms));
  EXPECT_TRUE(schedule.running_or_due(now - 1ms));
  fetch(schedule, now, true, 1h);
  EXPECT_FALSE(schedule.running_or_due(now)) << "the question has its answer";
  EXPECT_FALSE(schedule.asked(now - 1ms));
}

// However they ask: no more than one fetch in 30 s beyond those that are due by themselves.
TEST(RefreshSchedule, ACrowdCannotMakeItFetchMoreOften) {
  RefreshSchedule schedule(start);
  int fetches = 0;
  for (TimePoint now = start; now < start + 1h; now += 100ms) {
    schedule.asked(now);
    if (schedule.due() <= now) {
      fetch(schedule, now, true, 24h);
      ++fetches;
    }
  }
  EXPECT_EQ(fetches, 1 + 120);
}

}  // namespace
}  // namespace weir::auth
