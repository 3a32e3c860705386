#include "weir/control/connect_backoff.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace weir::control {
namespace {

using namespace std::chrono_literals;
using BackoffStanding = ConnectBackoff::Standing;

constexpr TimePoint backoff_start{1000s};

TEST(ConnectBackoff, PausesForASecondDoublingToThirty) {
  ConnectBackoff backoff;
  EXPECT_EQ(backoff.standing(backoff_start), BackoffStanding::untried);
  TimePoint now = backoff_start;
  bool first = true;
  for (const Duration pause : {1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
    EXPECT_EQ(backoff.failed(now, now, "refused"), first);
    first = false;
    EXPECT_EQ(backoff.standing(now), BackoffStanding::paused);
    EXPECT_EQ(backoff.standing(now + pause - 1ms), BackoffStanding::paused) << pause.count();
    EXPECT_EQ(backoff.standing(now + pause), BackoffStanding::due) << pause.count();
    const auto failure = backoff.failure(now);
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->cause, "refused");
    EXPECT_EQ(failure->next_try, pause);
    now += pause;
    EXPECT_EQ(backoff.failure(now + 5s)->next_try, 0s);
  }
}

struct Step {
  enum class Does : std::uint8_t { fails, succeeds, answers, doubts };
  Does does;
  Duration began;
  Duration ended;
};

TEST(ConnectBackoff, WhatConnectsComeTo) {
  using enum Step::Does;
  struct Row {
    const char* name;
    std::vector<Step> steps;
    Duration at;
    BackoffStanding expected;
  };
  const Row rows[] = {
      {"one that succeeded", {{succeeds, 0s, 0s}}, 0s, BackoffStanding::good},
      {"a good one that fails",
       {{succeeds, 0s, 0s}, {fails, 1s, 3s}},
       3500ms,
       BackoffStanding::paused},
      {"its first pause", {{succeeds, 0s, 0s}, {fails, 1s, 3s}}, 4s, BackoffStanding::due},
      {"a success within the pause",
       {{fails, 0s, 0s}, {succeeds, 0s, 500ms}},
       500ms,
       BackoffStanding::good},
      {"after a success the pause is a second again",
       {{fails, 0s, 0s}, {fails, 1s, 1s}, {succeeds, 2s, 2s}, {fails, 3s, 3s}},
       4s,
       BackoffStanding::due},
      {"eight that began together are one failure",
       {{fails, 0s, 2s}, {fails, 0s, 2s}, {fails, 0s, 2s}},
       3s,
       BackoffStanding::due},
      {"one that began within the pause and failed behind it",
       {{fails, 0s, 0s}, {fails, 500ms, 2500ms}},
       2500ms,
       BackoffStanding::due},
      {"one that began when the pause was over",
       {{fails, 0s, 0s}, {fails, 1s, 3s}},
       4900ms,
       BackoffStanding::paused},
      {"it answers: not before the pause is over",
       {{fails, 0s, 0s}, {answers, 0s, 0s}},
       900ms,
       BackoffStanding::paused},
      {"it answers: then one may try it",
       {{fails, 0s, 0s}, {answers, 0s, 0s}},
       1s,
       BackoffStanding::untried},
      {"it answers and fails all the same: twice as long",
       {{fails, 0s, 0s}, {answers, 1s, 1s}, {fails, 1s, 1s}},
       2900ms,
       BackoffStanding::paused},
      {"that is forgotten by the next failure",
       {{fails, 0s, 0s}, {answers, 1s, 1s}, {fails, 1s, 1s}},
       3s,
       BackoffStanding::due},
      {"a doubt about a good one",
       {{succeeds, 0s, 0s}, {doubts, 1s, 1s}},
       1s,
       BackoffStanding::untried},
      {"a doubt about one that failed",
       {{fails, 0s, 0s}, {doubts, 0s, 0s}},
       0s,
       BackoffStanding::paused},
  };
  for (const Row& row : rows) {
    ConnectBackoff backoff;
    for (const Step& step : row.steps) {
      switch (step.does) {
        case fails:
          backoff.failed(backoff_start + step.began, backoff_start + step.ended, "timed out");
          break;
        case succeeds:
          backoff.succeeded();
          break;
        case answers:
          backoff.answers();
          break;
        case doubts:
          backoff.doubt();
          break;
      }
    }
    EXPECT_EQ(backoff.standing(backoff_start + row.at), row.expected) << row.name;
  }
}

TEST(ConnectBackoff, TellsOfTheLastCauseAndOfNoneWhenGood) {
  ConnectBackoff backoff;
  EXPECT_FALSE(backoff.failure(backoff_start));
  backoff.failed(backoff_start, backoff_start, "refused");
  backoff.failed(backoff_start, backoff_start, "timed out");
  EXPECT_EQ(backoff.failure(backoff_start)->cause, "timed out");
  EXPECT_TRUE(backoff.succeeded());
  EXPECT_FALSE(backoff.succeeded()) << "it was known";
  EXPECT_FALSE(backoff.failure(backoff_start));
}

TEST(ConnectBackoff, OneAtATimeFindsOut) {
  ConnectBackoff backoff;
  EXPECT_TRUE(backoff.claim());
  EXPECT_FALSE(backoff.claim());
  EXPECT_TRUE(backoff.claimed());
  backoff.release();
  EXPECT_TRUE(backoff.claim());
}

TEST(ConnectBackoff, ManyThreadsOneFirstFailure) {
  ConnectBackoff backoff;
  std::atomic<int> firsts = 0;
  {
    std::vector<std::jthread> threads;
    for (int n = 0; n < 4; ++n) {
      threads.emplace_back([&] {
        for (int k = 0; k < 1000; ++k) {
          if (backoff.failed(backoff_start, backoff_start + 1ms, "refused")) ++firsts;
        }
      });
    }
  }
  EXPECT_EQ(firsts, 1);
  EXPECT_EQ(backoff.failure(backoff_start + 1ms)->next_try, 1s);
}

}  // namespace
}  // namespace weir::control
