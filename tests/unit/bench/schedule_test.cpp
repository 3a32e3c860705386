#include "driver/schedule.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace weir::bench {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint load_begin = TimePoint(seconds(1000));

// When each is due, from `load_begin` on.
std::vector<Duration> dues_of(Schedule schedule) {
  std::vector<Duration> out;
  for (; schedule.due() != no_deadline; schedule.advance())
    out.push_back(schedule.due() - load_begin);
  return out;
}

TEST(LoadScheduleTest, SpacesRequestsEvenly) {
  const auto due = dues_of(Schedule(4, 0, Arrivals::even, load_begin, seconds(1), 1));
  EXPECT_EQ(due, (std::vector<Duration>{milliseconds(0), milliseconds(250), milliseconds(500),
                                        milliseconds(750)}));
}

TEST(LoadScheduleTest, BeginsAfterAPartOfTheGap) {
  const auto due = dues_of(Schedule(2, 0.5, Arrivals::even, load_begin, seconds(1), 1));
  EXPECT_EQ(due, (std::vector<Duration>{milliseconds(250), milliseconds(750)}));
}

TEST(LoadScheduleTest, HasNothingAtRateZero) {
  EXPECT_TRUE(dues_of(Schedule(0, 0, Arrivals::even, load_begin, seconds(10), 1)).empty());
  EXPECT_TRUE(dues_of(Schedule(0, 0, Arrivals::poisson, load_begin, seconds(10), 1)).empty());
}

TEST(LoadScheduleTest, CountsExactlyAtAnyRate) {
  struct Row {
    double rate;
    std::size_t count;
  };
  // 3 and 7 a second have gaps that are no whole number of nanoseconds.
  for (const Row& row : {Row{3, 180}, Row{7, 420}, Row{0.1, 6}, Row{20'000, 1'200'000}}) {
    SCOPED_TRACE(row.rate);
    EXPECT_EQ(dues_of(Schedule(row.rate, 0, Arrivals::even, load_begin, seconds(60), 1)).size(),
              row.count);
  }
}

TEST(LoadScheduleTest, DoesNotDrift) {
  Schedule schedule(3, 0, Arrivals::even, load_begin, hours(2), 1);
  for (int i = 0; i < 3 * 3600; ++i) schedule.advance();
  EXPECT_EQ(schedule.due(), load_begin + hours(1));
}

TEST(LoadScheduleTest, DrawsRandomGapsFromTheSeed) {
  const auto one = dues_of(Schedule(1000, 0, Arrivals::poisson, load_begin, seconds(100), 1));
  EXPECT_EQ(one, dues_of(Schedule(1000, 0, Arrivals::poisson, load_begin, seconds(100), 1)));
  EXPECT_NE(one, dues_of(Schedule(1000, 0, Arrivals::poisson, load_begin, seconds(100), 2)));
  // 100,000 are expected, with a deviation of 316.
  EXPECT_NEAR(static_cast<double>(one.size()), 100'000, 5 * 316);
  // Of gaps so distributed, a share of 1/e is longer than the mean.
  std::size_t longer = 0;
  for (std::size_t i = 1; i < one.size(); ++i) {
    ASSERT_GE(one[i], one[i - 1]);
    if (one[i] - one[i - 1] > milliseconds(1)) ++longer;
  }
  EXPECT_NEAR(static_cast<double>(longer) / static_cast<double>(one.size()), 0.368, 0.01);
}

}  // namespace
}  // namespace weir::bench
