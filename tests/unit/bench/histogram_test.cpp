#include "driver/histogram.hpp"

#include <gtest/gtest.h>

namespace weir::bench {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(LoadHistogramTest, IsZeroWithoutValues) {
  const Histogram empty;
  EXPECT_EQ(empty.count(), 0U);
  EXPECT_EQ(empty.percentile(0.99), Duration::zero());
  EXPECT_EQ(empty.mean(), Duration::zero());
  EXPECT_EQ(empty.most(), Duration::zero());
}

TEST(LoadHistogramTest, TellsSmallValuesExactly) {
  Histogram times;
  for (int i = 1; i <= 100; ++i) times.add(Duration(i));
  EXPECT_EQ(times.percentile(0), Duration(1));
  EXPECT_EQ(times.percentile(0.5), Duration(50));
  EXPECT_EQ(times.percentile(0.99), Duration(99));
  EXPECT_EQ(times.percentile(1), Duration(100));
  EXPECT_EQ(times.least(), Duration(1));
  EXPECT_EQ(times.most(), Duration(100));
  EXPECT_EQ(times.mean(), Duration(51));  // 50.5
  // 0.07 * 100 is a little more than 7 in a double.
  EXPECT_EQ(times.percentile(0.07), Duration(7));
}

TEST(LoadHistogramTest, TellsPercentilesToOnePartInSixtyFour) {
  Histogram times;
  constexpr int count = 10'000;
  for (int i = 1; i <= count; ++i) times.add(microseconds(i * 10));
  for (const double share : {0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999}) {
    SCOPED_TRACE(share);
    const double true_value = share * count * 10'000;  // nanoseconds
    const auto told = static_cast<double>(times.percentile(share).count());
    EXPECT_GE(told, true_value * (1 - 1e-9));
    EXPECT_LE(told, true_value * (1 + 1.0 / 64));
  }
  // Never above the longest.
  EXPECT_EQ(times.percentile(1), milliseconds(100));
}

TEST(LoadHistogramTest, ClampsWhatIsOutOfRange) {
  Histogram times;
  times.add(Duration(-5));
  times.add(hours(100));
  EXPECT_EQ(times.least(), Duration::zero());
  EXPECT_EQ(times.most(), Histogram::longest);
  EXPECT_EQ(times.percentile(0.5), Duration::zero());
  EXPECT_EQ(times.percentile(1), Histogram::longest);
}

TEST(LoadHistogramTest, AddsAnother) {
  Histogram a;
  Histogram b;
  a.add(milliseconds(1));
  a.add(Histogram());
  EXPECT_EQ(a.least(), milliseconds(1));
  b.add(milliseconds(9));
  b.add(milliseconds(8));
  a.add(b);
  EXPECT_EQ(a.count(), 3U);
  EXPECT_EQ(a.least(), milliseconds(1));
  EXPECT_EQ(a.most(), milliseconds(9));
  EXPECT_EQ(a.mean(), milliseconds(6));
  EXPECT_EQ(a.percentile(1), milliseconds(9));
  Histogram none;
  none.add(b);
  EXPECT_EQ(none.least(), milliseconds(8));
}

}  // namespace
}  // namespace weir::bench
