#include "weir/telemetry/cells.hpp"

#include <gtest/gtest.h>

namespace weir::telemetry {
namespace {

using namespace std::chrono_literals;

TEST(Histogram, EveryBoundIsInclusive) {
  for (std::size_t i = 0; i < Histogram::bound_count; ++i) {
    EXPECT_EQ(Histogram::bucket_of(Histogram::bounds[i] - 1), i);
    EXPECT_EQ(Histogram::bucket_of(Histogram::bounds[i]), i);
    EXPECT_EQ(Histogram::bucket_of(Histogram::bounds[i] + 1), i + 1);
  }
  EXPECT_EQ(Histogram::bucket_of(0), 0U);
  EXPECT_EQ(Histogram::bucket_of(INT64_MAX), Histogram::bound_count);
}

TEST(Histogram, AgreesWithALinearSearch) {
  for (std::int64_t ns = 1; ns < 40'000'000'000; ns += 1 + ns / 37) {
    std::size_t expected = 0;
    while (expected < Histogram::bound_count && ns > Histogram::bounds[expected]) ++expected;
    ASSERT_EQ(Histogram::bucket_of(ns), expected) << ns;
  }
}

TEST(Histogram, SumsAndTakesNegativeAsZero) {
  Histogram histogram;
  histogram.observe(3ms);
  histogram.observe(11s);
  histogram.observe(-1ms);
  EXPECT_EQ(histogram.in_bucket(0), 1U);
  EXPECT_EQ(histogram.in_bucket(3), 1U);
  EXPECT_EQ(histogram.in_bucket(Histogram::bound_count), 1U);
  EXPECT_EQ(histogram.sum_nanoseconds(), 11'003'000'000U);
}

TEST(Gauge, MayGoBelowZeroInOneShard) {
  Gauge gauge;
  gauge.add(-2);
  gauge.add();
  EXPECT_EQ(gauge.value(), -1);
}

}  // namespace
}  // namespace weir::telemetry
