#include "weir/control/reported_weight.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <vector>

namespace weir::control {
namespace {

using namespace std::chrono_literals;
using Standing = ReportedWeight::Standing;

constexpr TimePoint start{1h};
constexpr TimePoint always{};  // in use since ever

TEST(WeightByLoad, IsRequestsForEachPartThatTheyUse) {
  struct Row {
    const char* name;
    double rps;
    double utilization;
    double eps;
    double weight;
  };
  constexpr double huge = std::numeric_limits<double>::max();
  const Row rows[] = {
      {"half used", 100, 0.5, 0, 200},
      {"above its limit", 100, 2, 0, 50},
      {"errors count as use", 100, 0.5, 50, 100},
      {"all fail", 100, 0.5, 100, 100 / 1.5},
      {"no requests", 0, 0.5, 0, 0},
      {"no utilization", 100, 0, 0, 0},
      {"errors without utilization", 100, 0, 10, 0},
      {"below zero", -1, 0.5, 0, 0},
      {"not a number", std::nan(""), 0.5, 0, 0},
      {"no number of errors", 100, 0.5, std::nan(""), 0},
      {"too large", huge, 1e-9, 0, 0},
      {"more errors than can be told", 1e-300, 1, huge, 0},
  };
  for (const Row& row : rows) {
    EXPECT_DOUBLE_EQ(weight_by_load(row.rps, row.utilization, row.eps), row.weight) << row.name;
  }
}

TEST(ReportedWeight, CountsAfterTenSecondsAndForThreeMinutes) {
  ReportedWeight weight;
  EXPECT_EQ(weight.at(start, always), 0);
  EXPECT_EQ(weight.view(start, always).standing, Standing::none);
  weight.report(5, start);
  EXPECT_EQ(weight.view(start, always).standing, Standing::blackout);
  EXPECT_EQ(weight.at(start + 10s - 1ns, always), 0);
  EXPECT_EQ(weight.at(start + 10s, always), 5) << "also when no more came";
  weight.report(7, start + 20s);
  EXPECT_EQ(weight.at(start + 20s, always), 7) << "the last one";
  EXPECT_EQ(weight.at(start + 20s + 3min - 1ns, always), 7);
  EXPECT_EQ(weight.at(start + 20s + 3min, always), 0);
  EXPECT_EQ(weight.view(start + 20s + 3min, always).standing, Standing::stale);
  // It begins anew.
  weight.report(9, start + 10min);
  EXPECT_EQ(weight.view(start + 10min, always).standing, Standing::blackout);
  EXPECT_EQ(weight.at(start + 10min + 10s, always), 9);
}

TEST(ReportedWeight, OneThatComesBackIsAsOneThatIsNew) {
  ReportedWeight weight;
  weight.report(5, start);
  weight.report(6, start + 1min);
  EXPECT_EQ(weight.at(start + 1min, start + 55s), 0);
  EXPECT_EQ(weight.at(start + 1min, start + 50s), 6);
}

// Another worker's turn may have begun a moment later.
TEST(ReportedWeight, AReportOfAMomentAheadIsNow) {
  ReportedWeight weight;
  weight.report(5, start + 1ms);
  EXPECT_EQ(weight.view(start, always).last, 0s);
  EXPECT_EQ(weight.view(start, always).standing, Standing::blackout);
}

// Reports and looks at any time, against what was told above.
TEST(ReportedWeight, DoesAsAModelOfItDoes) {
  std::mt19937 random(4);
  for (int round = 0; round < 300; ++round) {
    ReportedWeight weight;
    TimePoint now = start;
    std::optional<TimePoint> since;
    TimePoint last{};
    double value = 0;
    for (int n = 0; n < 60; ++n) {
      constexpr Duration steps[] = {0s, 1s, 4s, 9s, 10s, 60s, 179s, 180s, 200s};
      now += steps[random() % std::size(steps)];
      if (random() % 2 == 0) {
        if (!since || now - last >= 180s) since = now;
        last = now;
        value = 1 + static_cast<double>(random() % 100);
        weight.report(value, now);
      }
      const bool counts = since && now - *since >= 10s && now - last < 180s;
      ASSERT_EQ(weight.at(now, always), counts ? value : 0) << "round " << round << ", " << n;
    }
  }
}

TEST(WeightsByReports, KeepTheirRatios) {
  struct Row {
    const char* name;
    std::vector<double> reported;
    std::vector<std::uint32_t> configured;
    std::vector<std::uint32_t> weights;
  };
  const Row rows[] = {
      {"nobody reports", {0, 0, 0}, {1, 2, 0}, {1, 2, 0}},
      {"all do", {100, 50, 25}, {1, 1, 1}, {65535, 32768, 16384}},
      {"whatever is configured", {100, 50, 25}, {9, 1, 3}, {65535, 32768, 16384}},
      {"one does not, and has the mean", {300, 100, 0}, {1, 1, 1}, {65535, 21845, 43690}},
      {"one alone does", {40, 0, 0}, {1, 5, 7}, {65535, 65535, 65535}},
      {"who is configured with none has none", {10, 10, 0}, {1, 0, 0}, {65535, 0, 0}},
      {"nobody gets nothing", {1e12, 1e-12}, {1, 1}, {65535, 1}},
      {"large ones", {1e308, 1e308, 0}, {1, 1, 1}, {65535, 65535, 65535}},
      {"no endpoint", {}, {}, {}},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(weights_by_reports(row.reported, row.configured), row.weights) << row.name;
  }
}

TEST(MeanWeight, IsOfThoseThatReport) {
  EXPECT_EQ(mean_weight({}), 0);
  EXPECT_EQ(mean_weight(std::vector<double>{0, 0}), 0);
  EXPECT_DOUBLE_EQ(mean_weight(std::vector<double>{0, 10, 20}), 15);
  EXPECT_DOUBLE_EQ(mean_weight(std::vector<double>{1e308, 1e308, 1e308}), 1e308);
}

}  // namespace
}  // namespace weir::control
