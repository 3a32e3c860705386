#include "server/traffic_window.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace weir::server {
namespace {

using namespace std::chrono_literals;
using telemetry::TrafficCounts;

TEST(TrafficWindow, NothingYet) {
  const TrafficWindow window;
  EXPECT_EQ(window.rates(TimePoint(1s), {.requests = 5}).requests, 0);
}

TEST(TrafficWindow, AtOnceAfterTheFirstSample) {
  TrafficWindow window;
  window.sample(TimePoint(1s), {});
  EXPECT_EQ(window.rates(TimePoint(1s), {.requests = 5}).requests, 0);  // no time to divide by
  EXPECT_DOUBLE_EQ(window.rates(TimePoint(1500ms), {.requests = 5}).requests, 10);
}

TEST(TrafficWindow, TellsTheLastTenSeconds) {
  TrafficWindow window;
  TrafficCounts counts;
  TimePoint now(0s);
  const auto run = [&](std::uint64_t a_half_second, int seconds) {
    for (int half = 0; half < seconds * 2; ++half) {
      now += 500ms;
      counts.requests += a_half_second;
      counts.server_errors += a_half_second / 2;
      window.sample(now, counts);
    }
    return window.rates(now, counts);
  };
  run(100, 60);
  EXPECT_DOUBLE_EQ(run(10, 10).requests, 20);
  EXPECT_DOUBLE_EQ(run(10, 1).server_errors, 10);
  EXPECT_DOUBLE_EQ(run(0, 5).requests, 10);
  EXPECT_DOUBLE_EQ(run(0, 60).requests, 0);
  EXPECT_EQ(run(0, 1).refused, 0);
}

}  // namespace
}  // namespace weir::server
