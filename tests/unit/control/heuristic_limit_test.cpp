#include "weir/control/heuristic_limit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace weir::control {
namespace {

using namespace std::chrono_literals;

TEST(HeuristicLimit, IsTheFormula) {
  struct Second {
    double load_factor;
    double idle_share;
    std::uint64_t allowed;
  };
  struct Row {
    const char* name;
    std::vector<Second> seconds;  // base 100, floor 10
  };
  const Row rows[] = {
      {"it doubles up to base", {{1, 1, 20}, {1, 1, 40}, {1, 1, 80}, {1, 1, 100}, {1, 1, 100}}},
      {"nothing is idle", {{1, 0, 10}, {1, 0.5, 15}, {1, 0, 15}}},
      {"the load bounds it", {{1, 1, 20}, {1, 1, 40}, {0.3, 1, 30}, {0.3, 0, 30}}},
      {"it is back by doubling", {{1, 1, 20}, {0.12, 0, 12}, {1, 1, 24}}},
      {"the load alone goes below the floor", {{0.05, 0, 5}, {1, 0, 10}}},
      {"one is left", {{0.0001, 0, 1}, {1, 0, 10}}},
  };
  for (const Row& row : rows) {
    HeuristicLimit limit({.base = 100, .floor = 10});
    EXPECT_EQ(limit.limit(), 10u) << row.name;
    for (const Second& second : row.seconds) {
      limit.passed(1, second.load_factor, second.idle_share);
      EXPECT_EQ(limit.limit(), second.allowed) << row.name;
    }
  }
}

TEST(HeuristicLimit, SeveralSecondsGrowAsOneAfterTheOther) {
  HeuristicLimit limit({.base = 1000, .floor = 10});
  limit.passed(3.9, 1, 1);
  EXPECT_EQ(limit.limit(), 80u);
  limit.passed(1e9, 1, 1);
  EXPECT_EQ(limit.limit(), 1000u);
}

TEST(HeuristicLimit, MeasuresTheQueueInAnAnswersTime) {
  EXPECT_DOUBLE_EQ(HeuristicLimit::load_factor(10ms, 10ms), 1);
  EXPECT_DOUBLE_EQ(HeuristicLimit::load_factor(10ms, 40ms), 0.25);
  EXPECT_DOUBLE_EQ(HeuristicLimit::load_factor(10ms, 5ms), 1);
  EXPECT_DOUBLE_EQ(HeuristicLimit::idle_share(10ms, 10ms), 1);
  EXPECT_DOUBLE_EQ(HeuristicLimit::idle_share(10ms, 15ms), 0.5);
  EXPECT_DOUBLE_EQ(HeuristicLimit::idle_share(10ms, 20ms), 0);
  EXPECT_DOUBLE_EQ(HeuristicLimit::idle_share(10ms, 70ms), 0);
  EXPECT_DOUBLE_EQ(HeuristicLimit::idle_share(10ms, 5ms), 1);
}

TEST(HeuristicLimit, FindsARestAtWhichAnswersTakeTwiceAsLong) {
  for (const std::uint64_t base : {100u, 1000u, 10'000u}) {
    HeuristicLimit limit({.base = base, .floor = 10});
    for (int n = 0; n < 100; ++n) {
      const double queue = std::max(1.0, static_cast<double>(limit.limit()) / 20);
      const Duration median(static_cast<Duration::rep>(1e7 * queue));
      limit.passed(1, HeuristicLimit::load_factor(10ms, median),
                   HeuristicLimit::idle_share(10ms, median));
    }
    EXPECT_GE(limit.limit(), 20u) << base;
    EXPECT_LE(limit.limit(), 60u) << base;
  }
}

TEST(HeuristicLimit, IsThatOfASlowModel) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    const std::uint64_t base = 1 + random() % 1000;
    const std::uint64_t floor = 1 + random() % base;
    HeuristicLimit limit({.base = base, .floor = floor});
    double last = static_cast<double>(floor);
    for (int step = 0; step < 100; ++step) {
      const double load = static_cast<double>(1 + random() % 1000) / 1000;
      const double idle = static_cast<double>(random() % 1001) / 1000;
      const auto seconds = static_cast<unsigned>(1 + random() % 4);
      limit.passed(seconds, load, idle);
      double grown = last;
      for (unsigned second = 0; second < seconds; ++second) grown += grown * idle;
      if (grown < static_cast<double>(floor)) grown = static_cast<double>(floor);
      last = grown < static_cast<double>(base) * load ? grown : static_cast<double>(base) * load;
      if (last < 1) last = 1;
      ASSERT_NEAR(static_cast<double>(limit.limit()), last - 0.5, 0.5001) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace weir::control
