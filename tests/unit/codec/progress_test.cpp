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
      {"nothing moved", 1, 0, 3s},
      {"a byte at a time, too few", 1023, 1, 3s},
      {"a byte at a time, enough", 1024, 1, 10s},
      {"one short of it at once", 1, 1023, 3s},
      {"just enough at once", 1, 1024, 10s},
      {"much at once", 1, 1'000'000, 10s},
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

}  // namespace
}  // namespace weir::codec
