#include "weir/control/health_state.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace weir::control {
namespace {

// "." a check that passes, "x" one that fails; what the verdict is after each: "h", "u".
struct HealthRow {
  const char* name;
  HealthThresholds thresholds;
  std::string checks;
  std::string verdicts;
};

class HealthStateTable : public testing::TestWithParam<HealthRow> {};

TEST_P(HealthStateTable, VerdictAfterEachCheck) {
  const HealthRow& row = GetParam();
  HealthState state;
  std::string seen;
  for (const char check : row.checks) {
    check == '.' ? state.passed(row.thresholds) : state.failed(row.thresholds, "503");
    ASSERT_NE(state.verdict(), Verdict::unknown);
    seen += state.verdict() == Verdict::healthy ? 'h' : 'u';
  }
  EXPECT_EQ(seen, row.verdicts);
}

INSTANTIATE_TEST_SUITE_P(
    All, HealthStateTable,
    testing::Values(HealthRow{"first_pass_is_final", {2, 3}, ".", "h"},
                    HealthRow{"first_failure_is_final", {2, 3}, "x", "u"},
                    HealthRow{"out_after_three", {2, 3}, ".xxx", "hhhu"},
                    HealthRow{"failures_in_a_row_only", {2, 3}, ".xx.xx.xxx", "hhhhhhhhhu"},
                    HealthRow{"back_after_two", {2, 3}, "x..", "uuh"},
                    HealthRow{"passes_in_a_row_only", {2, 3}, "x.x.x..", "uuuuuuh"},
                    HealthRow{"out_again_after_three", {2, 3}, "x..xxx", "uuhhhu"},
                    HealthRow{"thresholds_of_one", {1, 1}, ".x.x", "huhu"},
                    HealthRow{"slow_to_come_back", {4, 1}, ".x...x....", "huuuuuuuuh"}),
    [](const auto& each) { return each.param.name; });

TEST(HealthState, NobodyKnowsBeforeTheFirstResult) {
  const HealthState state;
  EXPECT_EQ(state.verdict(), Verdict::unknown);
  EXPECT_EQ(state.why(), "");
}

TEST(HealthState, SaysWhy) {
  const HealthThresholds thresholds{.healthy_after = 3, .unhealthy_after = 2};
  HealthState state;
  state.passed(thresholds);
  state.failed(thresholds, "503");
  EXPECT_EQ(state.why(), "");
  state.failed(thresholds, "connect failed: refused");
  EXPECT_EQ(state.why(), "unhealthy: 2 checks failed: connect failed: refused");
  state.passed(thresholds);
  EXPECT_EQ(state.why(), "unhealthy: 2 checks failed: connect failed: refused; 1 passed since");
  state.failed(thresholds, "503");
  EXPECT_EQ(state.why(), "unhealthy: 3 checks failed: 503");
  state.passed(thresholds);
  state.passed(thresholds);
  state.passed(thresholds);
  EXPECT_EQ(state.why(), "");
  EXPECT_EQ(state.failed_checks(), 0U);
}

TEST(HealthState, OneCheckIsOneCheck) {
  HealthState state;
  state.failed({}, "503");
  EXPECT_EQ(state.why(), "unhealthy: 1 check failed: 503");
}

TEST(HealthState, AnotherQuestionForgetsTheAnswers) {
  HealthState state;
  EXPECT_TRUE(state.asks("GET /a"));
  state.failed({}, "503");
  EXPECT_FALSE(state.asks("GET /a"));
  EXPECT_EQ(state.verdict(), Verdict::unhealthy);
  EXPECT_TRUE(state.asks("GET /b"));
  EXPECT_EQ(state.verdict(), Verdict::unknown);
  EXPECT_FALSE(state.asks("GET /b"));
  EXPECT_TRUE(state.asks(""));
}

// The whole history, looked at anew each time.
Verdict modelled(const std::vector<bool>& history, const HealthThresholds& thresholds) {
  Verdict verdict = Verdict::unknown;
  for (std::size_t end = 1; end <= history.size(); ++end) {
    const bool last = history[end - 1];
    if (verdict == Verdict::unknown) {
      verdict = last ? Verdict::healthy : Verdict::unhealthy;
      continue;
    }
    const std::size_t wanted = last ? thresholds.healthy_after : thresholds.unhealthy_after;
    std::size_t row = 0;
    while (row < end && history[end - 1 - row] == last) ++row;
    if (row >= wanted) verdict = last ? Verdict::healthy : Verdict::unhealthy;
  }
  return verdict;
}

TEST(HealthStateModel, AnyHistoryIsTheModels) {
  std::mt19937 random(20261130);
  const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  for (int round = 0; round < 300; ++round) {
    const HealthThresholds thresholds{.healthy_after = 1 + pick(4), .unhealthy_after = 1 + pick(4)};
    const unsigned failing = pick(100);
    HealthState state;
    std::vector<bool> history;
    for (int step = 0; step < 60; ++step) {
      history.push_back(pick(100) >= failing);
      history.back() ? state.passed(thresholds) : state.failed(thresholds, "x");
      ASSERT_EQ(state.verdict(), modelled(history, thresholds))
          << "round " << round << " step " << step;
      ASSERT_EQ(state.why().empty(), state.verdict() == Verdict::healthy);
    }
  }
}

}  // namespace
}  // namespace weir::control
