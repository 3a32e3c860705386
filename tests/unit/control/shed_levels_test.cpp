#include "weir/control/shed_levels.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace weir::control {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint shed_start{std::chrono::seconds(1000)};

TEST(ShedThreshold, ThirdsOfTheWayAndDoubles) {
  struct Row {
    ShedCause source;
    double limit;
    double low;
    double normal;
    double high;
  };
  const Row rows[] = {{ShedCause::memory, 0.9, 0.9, 0.9 + 0.1 / 3, 0.9 + 0.2 / 3},
                      {ShedCause::connections, 0.7, 0.7, 0.8, 0.9},
                      {ShedCause::saturation, 0.4, 0.4, 0.6, 0.8},
                      {ShedCause::memory, 1, 1, 1, 1},
                      {ShedCause::lag, 0.1, 0.1, 0.2, 0.4}};
  for (const Row& row : rows) {
    SCOPED_TRACE(name(row.source));
    EXPECT_NEAR(shed_threshold(row.source, row.limit, Priority::low), row.low, 1e-9);
    EXPECT_NEAR(shed_threshold(row.source, row.limit, Priority::normal), row.normal, 1e-9);
    EXPECT_NEAR(shed_threshold(row.source, row.limit, Priority::high), row.high, 1e-9);
  }
}

TEST(ShedVerdict, CriticalIsNeverRefused) {
  for (std::uint8_t level = 0; level <= 3; ++level) {
    const ShedVerdict verdict{.level = level};
    EXPECT_EQ(verdict.refuses(Priority::low), level >= 1);
    EXPECT_EQ(verdict.refuses(Priority::normal), level >= 2);
    EXPECT_EQ(verdict.refuses(Priority::high), level >= 3);
    EXPECT_FALSE(verdict.refuses(Priority::critical));
  }
}

TEST(ShedLevels, EachSourceAtItsThresholds) {
  const LoadFigures limits{.lag = 0.1, .memory = 0.7, .connections = 0.7, .saturation = 0.7};
  struct Row {
    const char* name;
    LoadFigures load;
    ShedVerdict verdict;
  };
  const Row rows[] = {
      {"nothing", {}, {}},
      {"below all", {.lag = 0.099, .memory = 0.699, .connections = 0.69, .saturation = 0.69}, {}},
      {"lag", {.lag = 0.1}, {.level = 1, .cause = ShedCause::lag}},
      {"twice the lag", {.lag = 0.2}, {.level = 2, .cause = ShedCause::lag}},
      {"less than four times", {.lag = 0.399}, {.level = 2, .cause = ShedCause::lag}},
      {"four times", {.lag = 0.4}, {.level = 3, .cause = ShedCause::lag}},
      {"memory", {.memory = 0.7}, {.level = 1, .cause = ShedCause::memory}},
      {"a third on", {.memory = 0.8}, {.level = 2, .cause = ShedCause::memory}},
      {"two thirds on", {.connections = 0.9}, {.level = 3, .cause = ShedCause::connections}},
      {"all of it", {.saturation = 1}, {.level = 3, .cause = ShedCause::saturation}},
      {"the worst decides",
       {.lag = 0.1, .memory = 0.75, .connections = 0.85},
       {.level = 2, .cause = ShedCause::connections}},
      {"the first of two", {.lag = 0.1, .memory = 0.75}, {.level = 1, .cause = ShedCause::lag}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    ShedLevels levels(limits);
    EXPECT_EQ(levels.update(shed_start, row.load), row.verdict);
  }
}

TEST(ShedLevels, WhatIsOffIsNotLookedAt) {
  ShedLevels levels({.memory = 0.9});
  EXPECT_EQ(
      levels.update(shed_start, {.lag = 60, .memory = 0.89, .connections = 1, .saturation = 1}),
      ShedVerdict{});
}

TEST(ShedLevels, EndsAfterFiveCalmSeconds) {
  ShedLevels levels({.lag = 0.1});
  EXPECT_EQ(levels.update(shed_start, {.lag = 0.1}).level, 1);
  // Nine tenths are not calm.
  EXPECT_EQ(levels.update(shed_start + 10s, {.lag = 0.09}).level, 1);
  EXPECT_EQ(levels.update(shed_start + 11s, {.lag = 0.08}).level, 1);
  EXPECT_EQ(levels.update(shed_start + 15s, {.lag = 0.08}).level, 1);
  // Which begins anew.
  EXPECT_EQ(levels.update(shed_start + 15500ms, {.lag = 0.095}).level, 1);
  EXPECT_EQ(levels.update(shed_start + 16s, {.lag = 0}).level, 1);
  EXPECT_EQ(levels.update(shed_start + 20999ms, {.lag = 0}).level, 1);
  EXPECT_EQ(levels.update(shed_start + 21s, {.lag = 0}).level, 0);
}

TEST(ShedLevels, GoesDownToWhatTheCalmTimeNeeded) {
  ShedLevels levels({.lag = 0.1});
  EXPECT_EQ(levels.update(shed_start, {.lag = 0.5}).level, 3);
  EXPECT_EQ(levels.update(shed_start + 1s, {.lag = 0}).level, 3);
  EXPECT_EQ(levels.update(shed_start + 2s, {.lag = 0.19}).level, 3);
  EXPECT_EQ(levels.update(shed_start + 6s, {.lag = 0}).level, 2);
  EXPECT_EQ(levels.update(shed_start + 7s, {.lag = 0}).level, 2);
  EXPECT_EQ(levels.update(shed_start + 12s, {.lag = 0}).level, 0);
}

// Of a limit near 100 % nine tenths would be too far down.
TEST(ShedLevels, NearTheTopAThirdOfTheWayIsEnough) {
  ShedLevels levels({.memory = 0.97});
  EXPECT_EQ(levels.update(shed_start, {.memory = 0.97}).level, 1);
  EXPECT_EQ(levels.update(shed_start + 1s, {.memory = 0.955}).level, 1);
  EXPECT_EQ(levels.update(shed_start + 6s, {.memory = 0.955}).level, 0);
}

// Against the whole history: the level is the highest that a measure of the last five seconds
// needed, as far as it was reached since it was last left.
class LevelsModel {
 public:
  explicit LevelsModel(double limit) : limit_(limit) {}

  std::uint8_t update(TimePoint now, double lag) {
    history_.push_back({now, lag});
    std::uint8_t reached = 0;
    for (std::uint8_t i = 0; i < 3; ++i) {
      if (lag >= limit_ * (1 << i)) reached = static_cast<std::uint8_t>(i + 1);
    }
    if (reached > level_) {
      level_ = reached;
      since_ = history_.size();
      return level_;
    }
    // The longest run of calm measures up to now, since the level was set.
    std::size_t first = history_.size();
    while (first > since_ && needs(history_[first - 1].lag) < level_) --first;
    if (first == history_.size() || now - history_[first].at < 5s) return level_;
    std::uint8_t most = 0;
    for (std::size_t i = first; i < history_.size(); ++i) {
      most = std::max(most, needs(history_[i].lag));
    }
    level_ = most;
    since_ = history_.size();
    return level_;
  }

 private:
  struct Measure {
    TimePoint at;
    double lag;
  };
  std::uint8_t needs(double lag) const {
    std::uint8_t out = 0;
    for (std::uint8_t i = 0; i < 3; ++i) {
      if (lag >= 0.9 * limit_ * (1 << i)) out = static_cast<std::uint8_t>(i + 1);
    }
    return out;
  }

  double limit_;
  std::vector<Measure> history_;
  std::size_t since_ = 0;
  std::uint8_t level_ = 0;
};

TEST(ShedLevels, IsWhatTheHistorySays) {
  std::mt19937_64 random(11);
  for (int row = 0; row < 60; ++row) {
    SCOPED_TRACE(row);
    LevelsModel model(0.25);
    ShedLevels levels({.lag = 0.25});
    TimePoint now = shed_start;
    double around = 0;
    for (int i = 0; i < 400; ++i) {
      now += Duration(100ms) * (1 + static_cast<int>(random() % 9));
      if (random() % 20 == 0) around = static_cast<double>(random() % 6) / 4;
      // Sixteenths: no measure is near a threshold by rounding.
      const double lag = around * static_cast<double>(random() % 17) / 16;
      ASSERT_EQ(levels.update(now, {.lag = lag}).level, model.update(now, lag)) << i;
    }
  }
}

}  // namespace
}  // namespace weir::control
