#include "weir/telemetry/cells.hpp"

#include <gtest/gtest.h>

#include <vector>

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

TEST(Histogram, BoundsAreTenADecadeWithThoseOfNormalDetailAmongThem) {
  for (std::size_t i = 10; i < Histogram::bound_count; ++i) {
    EXPECT_EQ(Histogram::bounds[i], Histogram::bounds[i - 10] * 10);
  }
  EXPECT_EQ(Histogram::bounds.front(), 100'000);
  EXPECT_EQ(Histogram::bounds.back(), 10'000'000'000);
  std::vector<double> coarse;
  for (const std::size_t i : Histogram::coarse) {
    coarse.push_back(static_cast<double>(Histogram::bounds[i]) / 1e9);
  }
  EXPECT_EQ(coarse, (std::vector{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                 1.0, 2.5, 5.0, 10.0}));
}

TEST(Histogram, SumsAndTakesNegativeAsZero) {
  Histogram histogram;
  histogram.observe(3ms);
  histogram.observe(11s);
  histogram.observe(-1ms);
  EXPECT_EQ(histogram.in_bucket(0), 1U);
  EXPECT_EQ(histogram.in_bucket(Histogram::bucket_of(3'000'000)), 1U);
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
