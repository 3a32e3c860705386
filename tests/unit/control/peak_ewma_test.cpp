#include "weir/control/peak_ewma.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace weir::control {
namespace {

using namespace std::chrono_literals;
using Weights = std::vector<std::uint32_t>;

constexpr TimePoint first_look = TimePoint() + 1h;
constexpr auto any_endpoint = [](std::size_t) { return true; };

TEST(PeakLatency, RisesAtOnceAndForgetsSlowly) {
  PeakLatency latency;
  EXPECT_EQ(latency.at(first_look), 0.0) << "nothing is known";
  latency.answered(first_look, 10ms);
  EXPECT_DOUBLE_EQ(latency.at(first_look), 0.010);
  latency.answered(first_look + 1ms, 300ms);
  EXPECT_DOUBLE_EQ(latency.at(first_look + 1ms), 0.3) << "a peak counts in full";
  latency.answered(first_look + 2ms, 10ms);
  EXPECT_NEAR(latency.at(first_look + 2ms), 0.3, 0.001) << "one quick answer changes little";
  EXPECT_NEAR(latency.at(first_look + 2ms + 10s), 0.3 / std::exp(1.0), 0.001)
      << "after ten seconds a bit more than a third is left";
}

TEST(PeakLatency, IsTheAverageInTheEnd) {
  PeakLatency latency;
  latency.answered(first_look, 1s);
  TimePoint now = first_look;
  for (int n = 0; n < 100'000; ++n) latency.answered(now += 1ms, 20ms);
  EXPECT_NEAR(latency.at(now), 0.020, 0.001);
}

TEST(PeakLatency, WhoFailsFastDoesNotLookFast) {
  struct Row {
    const char* name;
    Duration before;  // 0: nothing is known
    Duration took;
    double seconds;
  };
  const Row rows[] = {
      {"nothing is known", 0s, 1ms, 0.1},
      {"quick so far", 5ms, 1ms, 0.1},
      {"ten times as slow as so far", 50ms, 1ms, 0.5},
      {"it took even longer", 50ms, 2s, 2},
      {"at most ten seconds", 3s, 1ms, 10},
      {"unless it took longer", 3s, 15s, 15},
  };
  for (const Row& row : rows) {
    PeakLatency latency;
    if (row.before != Duration::zero()) latency.answered(first_look, row.before);
    latency.failed(first_look, row.took);
    EXPECT_NEAR(latency.at(first_look), row.seconds, 1e-9) << row.name;
  }
}

TEST(PeakEwma, TakesTheCheapest) {
  struct Row {
    const char* name;
    Weights weights;
    std::vector<double> latencies;
    std::vector<std::uint64_t> loads;
    std::size_t expected;
  };
  const Row rows[] = {
      {"the quickest", {1, 1, 1}, {0.3, 0.005, 0.3}, {0, 0, 0}, 1},
      {"a slow one that is idle, when the quick one is full", {1, 1}, {0.02, 0.005}, {0, 9}, 0},
      {"the quick one, though it has more requests", {1, 1}, {0.3, 0.005}, {0, 9}, 1},
      {"as quick, but fuller", {1, 1}, {0.01, 0.01}, {3, 0}, 1},
      {"more weight carries more", {3, 1}, {0.01, 0.01}, {2, 2}, 0},
      {"never weight zero", {0, 1}, {0.001, 1}, {0, 0}, 1},
      {"what is not known is tried", {1, 1}, {0.3, 0}, {1, 0}, 1},
      {"but by one at a time", {1, 1}, {0.3, 0}, {0, 1}, 0},
      {"nothing is known: the least loaded", {1, 1, 1}, {0, 0, 0}, {2, 0, 2}, 1},
  };
  for (const Row& row : rows) {
    PeakEwma balancer;
    balancer.reset(row.weights, 0, 1);
    for (int n = 0; n < 5; ++n) {
      EXPECT_EQ(balancer.pick(
                    any_endpoint, [&](std::size_t i) { return row.loads[i]; },
                    [&](std::size_t i) { return row.latencies[i]; }),
                row.expected)
          << row.name;
    }
  }
}

TEST(PeakEwma, EquallyQuickOnesTakeTurnsByWeight) {
  PeakEwma balancer;
  balancer.reset(Weights{3, 1, 0}, 0, 1);
  Weights counts(3);
  const std::vector<double> latencies{0.010, 0.012, 0.001};
  for (int n = 0; n < 400; ++n) {
    ++counts[*balancer.pick(
        any_endpoint, [](std::size_t) { return 0; }, [&](std::size_t i) { return latencies[i]; })];
  }
  EXPECT_EQ(counts, (Weights{300, 100, 0}));
}

TEST(PeakEwma, NobodyIsTakenWhoIsNotEligible) {
  PeakEwma balancer;
  balancer.reset(Weights{1, 1}, 0, 1);
  const auto none = [](std::size_t) { return 0; };
  const auto same = [](std::size_t) { return 0.01; };
  EXPECT_EQ(balancer.pick([](std::size_t i) { return i == 1; }, none, same), 1u);
  EXPECT_FALSE(balancer.pick([](std::size_t) { return false; }, none, same));
}

// Three origins, one of them slower by 300 ms, forty requests at a time, in steps of a millisecond.
TEST(PeakEwma, ASlowOneGetsFewRequests) {
  constexpr std::size_t endpoints = 3;
  const Duration latency[endpoints] = {5ms, 5ms, 305ms};
  PeakEwma balancer;
  balancer.reset(Weights{1, 1, 1}, 0, 1);
  PeakLatency seen[endpoints];
  struct Running {
    std::size_t at;
    TimePoint began;
  };
  std::vector<Running> running;
  std::vector<std::uint64_t> loads(endpoints);
  std::vector<int> counts(endpoints);
  for (TimePoint now = first_look; now < first_look + 20s; now += 1ms) {
    std::erase_if(running, [&](const Running& one) {
      const Duration took = now - one.began;
      if (took < latency[one.at]) return false;
      seen[one.at].answered(now, took);
      --loads[one.at];
      return true;
    });
    while (running.size() < 40) {
      const std::size_t at = *balancer.pick(
          any_endpoint, [&](std::size_t i) { return loads[i]; },
          [&](std::size_t i) { return seen[i].at(now); });
      ++loads[at];
      ++counts[at];
      running.push_back({at, now});
    }
  }
  const int sum = counts[0] + counts[1] + counts[2];
  EXPECT_LT(counts[2], sum / 100) << "one percent would be in the p99";
  EXPECT_GT(counts[2], 0);
  EXPECT_NEAR(counts[0], counts[1], sum / 20);
}

}  // namespace
}  // namespace weir::control
