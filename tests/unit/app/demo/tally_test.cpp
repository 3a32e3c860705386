#include "app/demo/tally.hpp"

#include <gtest/gtest.h>

namespace weir::app {
namespace {

using namespace std::chrono_literals;

LoggedRequest request(int status, std::string upstream = "") {
  LoggedRequest out;
  out.status = status;
  out.upstream = std::move(upstream);
  return out;
}

TEST(DemoTally, CountsByClassAndUpstream) {
  DemoTally tally;
  const TimePoint now{};
  tally.count(request(200, "v1"), now);
  tally.count(request(503, "v2"), now);
  tally.count(request(200, "v2"), now);
  tally.count(request(401), now);
  tally.count(request(0), now);
  tally.count(request(999), now);
  EXPECT_EQ(tally.requests(), 6U);
  EXPECT_EQ(tally.of_class(2), 2U);
  EXPECT_EQ(tally.of_class(4), 1U);
  EXPECT_EQ(tally.of_class(5), 1U);
  EXPECT_EQ(tally.of_class(0), 2U);
  EXPECT_EQ(tally.upstream("v1").requests, 1U);
  EXPECT_EQ(tally.upstream("v1").failed, 0U);
  EXPECT_EQ(tally.upstream("v2").requests, 2U);
  EXPECT_EQ(tally.upstream("v2").failed, 1U);
  EXPECT_EQ(tally.upstream("v3").requests, 0U);
}

TEST(DemoTally, TheRateIsThatOfTheLastSeconds) {
  DemoTally tally;
  TimePoint now{};
  EXPECT_EQ(tally.rate(now), 0);
  for (int i = 0; i < 40; ++i) tally.count(request(200), now += 250ms);
  EXPECT_NEAR(tally.rate(now), 4, 0.5);
  EXPECT_NEAR(tally.rate(now + 5s), 2, 0.5);
  EXPECT_EQ(tally.rate(now + 30s), 0);
}

}  // namespace
}  // namespace weir::app
