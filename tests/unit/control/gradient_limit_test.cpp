#include "weir/control/gradient_limit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace weir::control {
namespace {

using namespace std::chrono_literals;

TEST(GradientLimit, FollowsTheRatio) {
  // What grows is tried from a least of 100 on, what falls from a most of 100.
  enum class From : bool { least, most };
  struct Row {
    const char* name;
    From from;
    Duration median;
    std::uint64_t in_flight;
    std::uint64_t expected;  // from 100, with a minimum of 10 ms
  };
  const Row rows[] = {
      {"as quick as ever, all of it used", From::least, 10ms, 100, 200},
      {"a bit slower is no queue", From::least, 12'500us, 100, 200},
      {"half of it used is enough", From::least, 10ms, 50, 200},
      {"less is not", From::least, 10ms, 49, 100},
      {"a quarter longer than that", From::most, 15'625us, 100, 90},
      {"twice as long as tolerated", From::most, 25ms, 100, 60},
      {"at most to a half", From::most, 10s, 100, 60},
      {"it falls though it is not used up", From::most, 25ms, 30, 60},
      {"but not while the least is enough", From::most, 25ms, 10, 100},
  };
  for (const Row& row : rows) {
    GradientLimit limit(row.from == From::least ? GradientPolicy{.min = 100, .max = 1000}
                                                : GradientPolicy{.min = 10, .max = 100});
    while (limit.limit() < 100) limit.window(10ms, {10, 10ms, 100});
    limit.window(10ms, {10, row.median, row.in_flight});
    EXPECT_EQ(limit.limit(), row.expected) << row.name;
  }
}

TEST(GradientLimit, DoublesUntilTheLatencyRisesOnce) {
  GradientLimit limit({.min = 10, .max = 1000});
  EXPECT_EQ(limit.limit(), 10u);
  limit.window(10ms, {10, 10ms, 10});
  EXPECT_EQ(limit.limit(), 20u);
  limit.window(10ms, {10, 10ms, 20});
  EXPECT_EQ(limit.limit(), 40u);
  limit.window(10ms, {10, 20ms, 40});
  EXPECT_EQ(limit.limit(), 31u) << "40 * 0.625 + 6.3";
  limit.window(10ms, {10, 10ms, 31});
  EXPECT_EQ(limit.limit(), 36u) << "31.3 + 5.6";
}

TEST(GradientLimit, SaysNothingWithoutFigures) {
  GradientLimit limit({.min = 10, .max = 1000});
  limit.window(0ms, {10, 10ms, 10});
  limit.window(10ms, {0, 0ms, 0});
  EXPECT_EQ(limit.limit(), 10u);
}

// An endpoint that serves `slots` at a time, 10 ms each, and queues the rest.
Duration latency_of(double in_flight, double slots) {
  return Duration(static_cast<Duration::rep>(1e7 * std::max(1.0, in_flight / slots)));
}

TEST(GradientLimit, FindsWhatAnEndpointServes) {
  for (const double slots : {5.0, 20.0, 100.0, 700.0}) {
    GradientLimit limit({.min = 3, .max = 10'000});
    double most = 0;
    for (int n = 0; n < 300; ++n) {
      limit.window(10ms,
                   {100, latency_of(static_cast<double>(limit.limit()), slots), limit.limit()});
      if (n > 200) most = std::max(most, static_cast<double>(limit.limit()));
    }
    const auto found = static_cast<double>(limit.limit());
    EXPECT_GE(found, slots) << "it is not left idle";
    EXPECT_LE(most, 1.25 * slots + 2.5 * std::sqrt(slots) + 1) << "nor has a long queue";
  }
}

TEST(GradientLimit, IsThatOfASlowModel) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    const std::uint64_t min = 1 + random() % 50;
    const std::uint64_t max = min + random() % 500;
    GradientLimit limit({.min = min, .max = max});
    double model = static_cast<double>(min);
    bool has_risen = false;
    for (int step = 0; step < 200; ++step) {
      const Duration least = std::chrono::microseconds(1000 + random() % 5000);
      const Duration median = least + std::chrono::microseconds(random() % 8000);
      const std::uint64_t in_flight = random() % (2 * max + 1);
      const auto before = static_cast<double>(limit.limit());
      limit.window(least, {10, median, in_flight});

      double ratio = 1.25 * static_cast<double>(least.count());
      ratio /= static_cast<double>(median.count());
      if (ratio > 1) ratio = 1;
      if (ratio < 0.5) ratio = 0.5;
      const bool is_idle = in_flight <= min;
      if (ratio < 1 && !is_idle) has_risen = true;
      double next = model * ratio + std::sqrt(model);
      if (ratio == 1 && !has_risen) next = model + model;
      const bool is_used = 2 * static_cast<double>(in_flight) >= std::floor(model);
      const bool changes = next > model ? is_used : !is_idle;
      if (changes) {
        model = std::min(next, static_cast<double>(max));
        model = std::max(model, static_cast<double>(min));
      }
      ASSERT_EQ(limit.limit(), static_cast<std::uint64_t>(model)) << "seed " << seed;
      ASSERT_GE(limit.limit(), min);
      ASSERT_LE(limit.limit(), max);
      ASSERT_GE(static_cast<double>(limit.limit()), std::floor(before / 2));
    }
  }
}

}  // namespace
}  // namespace weir::control
