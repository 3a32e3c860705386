// The limit of an endpoint over time: windows, the long-term minimum and its probes.
#include "weir/control/measured_limit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

namespace weir::control {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint measured_from = TimePoint() + 1h;
constexpr GradientPolicy gradient{.min = 10, .max = 1000};

TEST(LatencyTally, KnowsTheMedian) {
  struct Row {
    const char* name;
    std::vector<Duration> took;
    Duration median;
  };
  const Row rows[] = {
      {"one", {10ms}, 10ms},
      {"three", {1ms, 20ms, 5s}, 20ms},
      {"most are quick", {1ms, 1ms, 1ms, 1ms, 15s}, 1ms},
      {"none is quicker than can be told", {0ms, -1ms, 1us}, 16'384ns},
      {"very slow", {100s, 100s, 100s}, 100s},
  };
  for (const Row& row : rows) {
    LatencyTally window;
    for (const Duration took : row.took) window.add(took, 1);
    EXPECT_EQ(window.count(), row.took.size()) << row.name;
    const LatencyFigures figures = window.take();
    EXPECT_EQ(figures.count, row.took.size()) << row.name;
    EXPECT_NEAR(static_cast<double>(figures.median.count()),
                static_cast<double>(row.median.count()),
                0.065 * static_cast<double>(row.median.count()))
        << row.name;
  }
}

TEST(LatencyTally, BeginsAnew) {
  LatencyTally window;
  window.add(10ms, 7);
  window.add(30ms, 3);
  EXPECT_EQ(window.take().most_in_flight, 7u);
  EXPECT_EQ(window.count(), 0u);
  const LatencyFigures none = window.take();
  EXPECT_EQ(none.count, 0u);
  EXPECT_EQ(none.median, Duration::zero());
  EXPECT_EQ(none.most_in_flight, 0u);
  window.add(1h, 1);
  EXPECT_GT(window.take().median, 2min) << "as long as can be told";
}

TEST(LatencyTally, IsExactToSixPercent) {
  std::mt19937_64 random(1);
  for (int n = 0; n < 300; ++n) {
    LatencyTally window;
    std::vector<Duration> all;
    const auto around = static_cast<std::int64_t>(20'000 + random() % 10'000'000'000);
    for (int k = 0; k < 101; ++k) {
      all.emplace_back(around + static_cast<std::int64_t>(random() % 1'000'000));
      window.add(all.back(), 1);
    }
    std::ranges::nth_element(all, all.begin() + 50);
    const auto median = static_cast<double>(all[50].count());
    EXPECT_NEAR(static_cast<double>(window.take().median.count()), median, 0.065 * median);
  }
}

TEST(LeastLatency, IsTheLeastMedianAndWhatAProbeSays) {
  LeastLatency least(measured_from);
  EXPECT_EQ(least.value(), Duration::zero());
  least.window(measured_from, {4, 1ms, 1}, true);
  EXPECT_EQ(least.value(), Duration::zero()) << "four answers say nothing";
  least.window(measured_from, {10, 20ms, 1}, false);
  EXPECT_EQ(least.value(), 20ms);
  least.window(measured_from, {10, 10ms, 1}, false);
  EXPECT_EQ(least.value(), 10ms);
  least.window(measured_from, {10, 15ms, 1}, false);
  EXPECT_EQ(least.value(), 10ms) << "a queue is no reason to rise";
  least.window(measured_from, {10, 15ms, 1}, true);
  EXPECT_EQ(least.value(), 15ms) << "an endpoint at rest is";
  least.window(measured_from, {10, 15s, 1}, true);
  EXPECT_EQ(least.value(), 30ms) << "but a glitch is soon forgotten";
}

TEST(LeastLatency, IsProbedWhenItIsOld) {
  LeastLatency least(measured_from);
  least.window(measured_from, {10, 400ms, 1}, true);
  EXPECT_FALSE(least.due(measured_from + 29s));
  EXPECT_TRUE(least.due(measured_from + 30s));
  least.window(measured_from + 20s, {10, 400ms, 1}, true);
  EXPECT_FALSE(least.due(measured_from + 30s));
  least.window(measured_from + 49s, {10, 900ms, 100}, false);
  EXPECT_TRUE(least.due(measured_from + 50s)) << "nobody was at rest";
  least.begin_probe(measured_from + 50s);
  EXPECT_TRUE(least.probing());
  EXPECT_FALSE(least.due(measured_from + 50s));
  EXPECT_EQ(least.probe_end(), measured_from + 51'600ms);
  least.end_probe(measured_from + 51s, {20, 500ms, 1});
  EXPECT_EQ(least.value(), 500ms);
  EXPECT_FALSE(least.due(measured_from + 80s));
  least.begin_probe(measured_from + 90s);
  least.end_probe(measured_from + 92s, {4, 1ms, 1});
  EXPECT_EQ(least.value(), 500ms) << "four answers say nothing";
}

TEST(ProbeTurn, IsOnesAtATime) {
  ProbeTurn turn;
  EXPECT_TRUE(turn.take(measured_from, measured_from + 1s));
  EXPECT_FALSE(turn.take(measured_from + 999ms, measured_from + 3s));
  turn.end(measured_from + 2s);
  EXPECT_FALSE(turn.take(measured_from + 999ms, measured_from + 3s)) << "whose was it";
  EXPECT_TRUE(turn.take(measured_from + 1s, measured_from + 3s)) << "who never ends loses it";
  turn.end(measured_from + 1s);
  EXPECT_FALSE(turn.take(measured_from + 2s, measured_from + 4s));
  turn.end(measured_from + 3s);
  EXPECT_TRUE(turn.take(measured_from + 2s, measured_from + 4s));
}

TEST(MeasuredLimit, AWindowTakesItsTimeAndItsAnswers) {
  ProbeTurn turn;
  MeasuredLimit limit(gradient, measured_from);
  EXPECT_EQ(limit.limit(), 10u);
  EXPECT_FALSE(limit.ends(measured_from + 99ms, 1000));
  EXPECT_FALSE(limit.ends(measured_from + 10s, 9));
  EXPECT_TRUE(limit.ends(measured_from + 100ms, 10));
  limit.window(measured_from + 100ms, {10, 300ms, 10}, turn);
  EXPECT_EQ(limit.limit(), 20u);
  EXPECT_FALSE(limit.ends(measured_from + 699ms, 1000)) << "twice the last median";
  EXPECT_TRUE(limit.ends(measured_from + 700ms, 10));
  MeasuredLimit heuristic(HeuristicPolicy{.base = 100, .floor = 5}, measured_from);
  EXPECT_EQ(heuristic.limit(), 5u);
  EXPECT_FALSE(heuristic.ends(measured_from + 999ms, 1000));
  EXPECT_TRUE(heuristic.ends(measured_from + 1s, 10));
  heuristic.window(measured_from + 1s, {10, 300ms, 5}, turn);
  EXPECT_EQ(heuristic.limit(), 10u);
  EXPECT_TRUE(heuristic.ends(measured_from + 2s, 10)) << "each second, whatever answers take";
}

// Requests come as fast as they may; each takes `work` when no more than `slots` are there.
struct BusyEndpoint {
  MeasuredLimit limit;
  double slots = 20;
  Duration work = 10ms;
  std::uint64_t demand = 100'000;

  Duration latency(std::uint64_t in_flight) const {
    const double queue = std::max(1.0, static_cast<double>(in_flight) / slots);
    return Duration(static_cast<Duration::rep>(static_cast<double>(work.count()) * queue));
  }
  // Its window ends as soon as it may. Returns when.
  TimePoint step(TimePoint now, ProbeTurn& turn) {
    const std::uint64_t in_flight = std::min(limit.limit(), demand);
    const Duration took = latency(in_flight);
    now = std::max(now + took, limit.earliest_end());
    limit.window(now, {std::max<std::uint64_t>(20, in_flight), took, in_flight}, turn);
    return now;
  }
};

TEST(MeasuredLimit, AProbeIsForOneEndpointAndGivesBackWhatItTook) {
  ProbeTurn turn;
  BusyEndpoint one{MeasuredLimit(gradient, measured_from)};
  BusyEndpoint two{MeasuredLimit(gradient, measured_from)};
  TimePoint now = measured_from;
  bool probed_one = false;
  bool probed_two = false;
  while (now < measured_from + 65s) {
    const std::uint64_t before = one.limit.limit();
    const bool was_probing = one.limit.probing();
    const TimePoint next = one.step(now, turn);
    two.step(now, turn);
    EXPECT_FALSE(one.limit.probing() && two.limit.probing());
    if (one.limit.probing()) {
      EXPECT_EQ(one.limit.limit(), 10u) << "never below min";
      EXPECT_EQ(one.limit.answers(), LeastLatency::probe_answers);
      EXPECT_EQ(one.limit.counts_from(), next);
      EXPECT_TRUE(one.limit.ends(one.limit.latest_end(), 0)) << "nobody waits longer";
    }
    if (was_probing) {
      EXPECT_GT(one.limit.limit(), before);
      EXPECT_GE(one.limit.limit(), 20u) << "as before";
      EXPECT_EQ(one.limit.counts_from(), TimePoint());
    }
    probed_one |= one.limit.probing();
    probed_two |= two.limit.probing();
    now = next;
  }
  EXPECT_TRUE(probed_one);
  EXPECT_TRUE(probed_two);
  EXPECT_EQ(one.limit.least(), 10ms);
}

TEST(MeasuredLimit, NoProbeWhereItWouldTakeNothing) {
  ProbeTurn turn;
  BusyEndpoint idle{MeasuredLimit(gradient, measured_from)};
  idle.demand = 8;
  for (TimePoint now = measured_from; now < measured_from + 100s;) {
    now = idle.step(now, turn);
    EXPECT_FALSE(idle.limit.probing());
  }
  EXPECT_EQ(idle.limit.least(), 10ms);
}

TEST(MeasuredLimit, AQueueThatStandsIsNotTakenForTheEndpoint) {
  ProbeTurn turn;
  BusyEndpoint busy{MeasuredLimit(gradient, measured_from)};
  std::uint64_t most = 0;
  for (TimePoint now = measured_from; now < measured_from + 10min;) {
    now = busy.step(now, turn);
    if (now > measured_from + 5s) most = std::max(most, busy.limit.limit());
  }
  EXPECT_LE(most, 40u) << "20 slots, a quarter of them and the head room";
}

TEST(MeasuredLimit, AnEndpointThatBecomesSlowerForGoodIsLearnt) {
  ProbeTurn turn;
  BusyEndpoint busy{MeasuredLimit(gradient, measured_from)};
  TimePoint now = measured_from;
  while (now < measured_from + 10s) now = busy.step(now, turn);
  busy.work = 60ms;
  while (now < measured_from + 100s) now = busy.step(now, turn);
  EXPECT_EQ(busy.limit.least(), 60ms);
  EXPECT_GE(busy.limit.limit(), 20u);
  EXPECT_LE(busy.limit.limit(), 40u);
}

TEST(MeasuredLimit, StaysWithinItsBoundsWhateverHappens) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    ProbeTurn turn;
    const bool is_gradient = seed % 2 == 0;
    MeasuredLimit limit(is_gradient
                            ? MeasuredLimit::Policy(GradientPolicy{.min = 5, .max = 60})
                            : MeasuredLimit::Policy(HeuristicPolicy{.base = 60, .floor = 5}),
                        measured_from);
    TimePoint now = measured_from;
    for (int step = 0; step < 500; ++step) {
      now += std::chrono::milliseconds(random() % 3000);
      const std::uint64_t count = random() % 40;
      if (!limit.ends(now, count)) continue;
      const Duration median =
          count == 0 ? Duration::zero() : Duration(20'000 + random() % 90'000'000);
      limit.window(now, {count, median, random() % 80}, turn);
      ASSERT_GE(limit.limit(), is_gradient ? 5u : 1u);
      ASSERT_LE(limit.limit(), 60u);
      ASSERT_GT(limit.earliest_end(), now - 1ns);
    }
  }
}

}  // namespace
}  // namespace weir::control
