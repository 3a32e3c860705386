#include "weir/control/latency_window.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <random>
#include <thread>
#include <vector>

namespace weir::control {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint window_start{1000h};
constexpr Duration step = LatencyWindow::length / 10;

// Asks so late that what was found before is not taken.
std::optional<Duration> fresh(LatencyWindow& window, Quantile which, TimePoint& now) {
  now += LatencyWindow::refreshed_every;
  return window.quantile(which, now);
}

void expect_near(std::optional<Duration> found, Duration exact) {
  ASSERT_TRUE(found);
  EXPECT_GE(found->count(), exact.count() * 7 / 8);
  EXPECT_LE(found->count(), exact.count() * 9 / 8 + 1);
}

TEST(LatencyBucketTest, HoldsWhatBelongsThere) {
  EXPECT_EQ(LatencyWindow::bucket_of(-1s), 0u);
  EXPECT_EQ(LatencyWindow::bucket_of(Duration(0)), 0u);
  EXPECT_EQ(LatencyWindow::bucket_of(Duration(16'383)), 0u);
  EXPECT_EQ(LatencyWindow::bucket_of(Duration(16'384)), 1u);
  EXPECT_EQ(LatencyWindow::bucket_of(137s), LatencyWindow::buckets - 2);
  EXPECT_EQ(LatencyWindow::bucket_of(138s), LatencyWindow::buckets - 1);
  EXPECT_EQ(LatencyWindow::bucket_of(Duration::max()), LatencyWindow::buckets - 1);
  for (std::size_t i = 0; i + 1 < LatencyWindow::buckets; ++i) {
    const Duration begin = LatencyWindow::begin_of(i);
    const Duration end = LatencyWindow::begin_of(i + 1);
    ASSERT_LT(begin, end) << i;
    EXPECT_EQ(LatencyWindow::bucket_of(begin), i);
    EXPECT_EQ(LatencyWindow::bucket_of(end - Duration(1)), i);
    if (i == 0) continue;
    EXPECT_LE((end - begin) * 8, begin) << "an eighth at most: " << i;
  }
}

TEST(LatencyWindowTest, NothingIsCountedUnwatched) {
  LatencyWindow window(1);
  TimePoint now = window_start;
  for (int i = 0; i < 1000; ++i) window.add(0, now, 10ms);
  EXPECT_FALSE(window.watched());
  EXPECT_FALSE(fresh(window, Quantile::p50, now));
  {
    const LatencyWindow::Watch first(window);
    LatencyWindow::Watch second(window);
    const LatencyWindow::Watch moved(std::move(second));
    EXPECT_TRUE(window.watched());
  }
  EXPECT_FALSE(window.watched());
}

TEST(LatencyWindowTest, NeedsAHundredSamples) {
  LatencyWindow window(2);
  const LatencyWindow::Watch watch(window);
  TimePoint now = window_start;
  for (unsigned i = 0; i < 99; ++i) window.add(i % 2, now, 10ms);
  EXPECT_FALSE(fresh(window, Quantile::p50, now));
  window.add(0, now, 10ms);
  EXPECT_FALSE(window.quantile(Quantile::p50, now)) << "found twice a second";
  expect_near(fresh(window, Quantile::p50, now), 10ms);
}

TEST(LatencyWindowTest, TellsEachQuantileOfAllWorkers) {
  LatencyWindow window(4);
  const LatencyWindow::Watch watch(window);
  TimePoint now = window_start;
  for (unsigned i = 1; i <= 1000; ++i) window.add(i % 4, now, Duration(1ms) * i);
  expect_near(fresh(window, Quantile::p50, now), 500ms);
  expect_near(window.quantile(Quantile::p90, now), 900ms);
  expect_near(window.quantile(Quantile::p95, now), 950ms);
  expect_near(window.quantile(Quantile::p99, now), 990ms);
}

TEST(LatencyWindowTest, ForgetsAfterThirtySeconds) {
  LatencyWindow window(1);
  const LatencyWindow::Watch watch(window);
  TimePoint now = window_start;
  for (int i = 0; i < 100; ++i) window.add(0, now, 1s);
  const TimePoint counted = now;
  now = counted + LatencyWindow::length - 2 * step;
  expect_near(fresh(window, Quantile::p50, now), 1s);
  now = counted + LatencyWindow::length;
  EXPECT_FALSE(fresh(window, Quantile::p50, now));
  // A slot that is used again has nothing of before.
  now = counted + LatencyWindow::length + 2 * step;
  for (int i = 0; i < 100; ++i) window.add(0, now, 1ms);
  expect_near(fresh(window, Quantile::p99, now), 1ms);
}

TEST(LatencyWindowTest, WhatIsOutsideTheBucketsIsTold) {
  LatencyWindow window(1);
  const LatencyWindow::Watch watch(window);
  TimePoint now = window_start;
  for (int i = 0; i < 100; ++i) window.add(0, now, Duration(5));
  const auto low = fresh(window, Quantile::p99, now);
  ASSERT_TRUE(low);
  EXPECT_LE(*low, Duration(16'384));
  for (int i = 0; i < 10'000; ++i) window.add(0, now, 1h);
  const auto high = fresh(window, Quantile::p50, now);
  ASSERT_TRUE(high);
  EXPECT_GE(*high, 137s);
}

// Against all samples, sorted: those of the steps that count.
TEST(LatencyWindowModelTest, IsNearTheExactQuantile) {
  constexpr unsigned workers = 3;
  for (unsigned seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    LatencyWindow window(workers);
    const LatencyWindow::Watch watch(window);
    std::deque<std::pair<std::int64_t, Duration>> samples;
    std::lognormal_distribution<double> micros(8, 2);
    TimePoint now = window_start;
    for (int turn = 0; turn < 200; ++turn) {
      now += std::chrono::milliseconds(500 + random() % (turn % 20 == 0 ? 20'000 : 1'500));
      for (auto n = random() % 60; n > 0; --n) {
        // Not above what the buckets hold.
        const double us = std::clamp(micros(random), 20.0, 100e6);
        const Duration time = std::chrono::microseconds(static_cast<std::int64_t>(us));
        window.add(static_cast<unsigned>(random() % workers), now, time);
        samples.emplace_back(now.time_since_epoch() / step, time);
      }
      while (!samples.empty() && samples.front().first <= now.time_since_epoch() / step - 10) {
        samples.pop_front();
      }
      std::vector<Duration> sorted;
      for (const auto& each : samples) sorted.push_back(each.second);
      std::ranges::sort(sorted);
      const std::pair<Quantile, std::size_t> asked[] = {
          {Quantile::p50, 500}, {Quantile::p90, 900}, {Quantile::p95, 950}, {Quantile::p99, 990}};
      for (const auto& [which, per_mille] : asked) {
        const auto found = window.quantile(which, now);
        if (sorted.size() < LatencyWindow::least_samples) {
          ASSERT_FALSE(found);
        } else {
          const std::size_t rank = (sorted.size() * per_mille + 999) / 1000;
          expect_near(found, sorted[rank - 1]);
        }
      }
    }
  }
}

// For the sanitizers: workers count while others ask, over the edges of steps.
TEST(LatencyWindowTest, WorkersCountWhileOthersAsk) {
  constexpr unsigned workers = 3;
  LatencyWindow window(workers);
  const LatencyWindow::Watch watch(window);
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (unsigned worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&, worker] {
      for (int i = 0; i < 20'000; ++i) window.add(worker, window_start + i * 5ms, 10ms);
      over = true;
    });
  }
  threads.emplace_back([&] {
    TimePoint now = window_start;
    while (!over) {
      now = std::min(now + 20ms, window_start + 100s);
      const auto found = window.quantile(Quantile::p95, now);
      EXPECT_LE(found.value_or(Duration(10ms)), 12ms);
    }
  });
  for (std::thread& each : threads) each.join();
  TimePoint now = window_start + 20'000 * 5ms;
  now += 10 * LatencyWindow::length;
  for (int i = 0; i < 100; ++i) window.add(0, now, 40ms);
  expect_near(fresh(window, Quantile::p50, now), 40ms);
}

}  // namespace
}  // namespace weir::control
