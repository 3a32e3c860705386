#include "weir/codec/progress.hpp"

#include <gtest/gtest.h>

namespace weir::codec {
namespace {

using namespace std::chrono_literals;

const TimePoint start{1h};

TEST(Progress, WaitsOfOnePeriodAddUp) {
  Progress progress(10s);
  EXPECT_EQ(progress.deadline(start), start + 10s);
  progress.waited(4s);
  EXPECT_EQ(progress.deadline(start + 4s), start + 10s);
  // Nobody waited for the peer in between.
  EXPECT_EQ(progress.deadline(start + 60s), start + 66s);
  progress.waited(6s);
  EXPECT_EQ(progress.deadline(start + 66s), start + 66s);
}

TEST(Progress, WhatBeginsANewPeriod) {
  struct Row {
    const char* name;
    std::size_t pieces;
    std::size_t bytes;
    Duration left;
  };
  const Row rows[] = {
      {"no data for too long", 1, 0, 3s},         {"a byte at a time, too few", 1023, 1, 3s},
      {"a byte at a time, enough", 1024, 1, 10s}, {"one short of it at once", 1, 1023, 3s},
      {"just enough at once", 1, 1024, 10s},      {"much at once", 1, 1'000'000, 10s},
  };
  for (const Row& row : rows) {
    Progress progress(10s);
    progress.waited(7s);
    for (std::size_t i = 0; i < row.pieces; ++i) progress.moved(row.bytes);
    EXPECT_EQ(progress.deadline(start), start + row.left) << row.name;
  }
}

TEST(Progress, WhatWasTooMuchIsNotCarriedOver) {
  Progress progress(10s);
  progress.moved(2047);
  progress.waited(9s);
  progress.moved(1);
  EXPECT_EQ(progress.deadline(start), start + 1s);
}

TEST(Progress, AZeroPeriodNeverEnds) {
  Progress progress(0s);
  progress.waited(24h);
  EXPECT_EQ(progress.deadline(start), no_deadline);
}

TEST(Progress, TheAverageCountsAfterTwentySecondsOfWaiting) {
  struct Row {
    const char* name;
    std::uint64_t rate;  // bytes a second
    std::size_t moved;
    Duration waited;
    Deadline until;  // of a wait that begins at `start`
  };
  const Row rows[] = {
      {"off", 0, 0, 29s, start + 1s},
      {"nothing yet", 1000, 0, 0s, start + 20s},
      {"the idle rule comes first", 1000, 0, 5s, start + 15s},
      {"less than the rate", 1000, 10'000, 15s, start + 5s},
      {"just the rate", 1000, 25'000, 15s, start + 10s},
      {"twenty seconds are over", 1000, 20'000, 20s, start},
      {"long over", 1000, 20'000, 25s, start - 5s},
      {"far ahead: the idle rule stays", 1000, 1'000'000, 25s, start + 30s},
      {"more than there is time for", 1, 1ULL << 60, 25s, start + 30s},
  };
  for (const Row& row : rows) {
    Progress progress(30s, row.rate);
    progress.waited(row.waited);
    progress.moved(row.moved);
    EXPECT_EQ(progress.deadline(start), row.until) << row.name;
  }
}

TEST(Progress, ARateWithoutAPeriodIsARule) {
  Progress progress(0s, 1000);
  progress.waited(12s);
  EXPECT_EQ(progress.deadline(start), start + 8s);
}

}  // namespace
}  // namespace weir::codec
