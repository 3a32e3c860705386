#include "weir/control/outlier_detector.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace weir::control {
namespace {

using namespace std::chrono_literals;

class OutlierDetectorTest : public testing::Test {
 protected:
  void begin(std::size_t endpoints, const OutlierPolicy& policy = {}) {
    for (std::size_t i = 0; i < endpoints; ++i) {
      peers_.push_back({.record = &records_.emplace_back(), .healthy = true});
    }
    detector_.apply(policy, now_);
  }
  // Tries at endpoint `at`, as a cluster tells of them; what the last one ejected.
  std::optional<Ejection> tries(std::size_t at, int n, bool failed = true) {
    std::optional<Ejection> out;
    for (int i = 0; i < n; ++i) {
      if (detector_.tried(records_[at], failed)) out = detector_.eject(at, peers_, now_);
    }
    return out;
  }
  // Of `requests` at endpoint `at`, that many fail.
  void interval(std::size_t at, int requests, int failures) {
    for (int i = 0; i < requests; ++i) detector_.tried(records_[at], i < failures);
  }
  // Places of those who are ejected at the end of the interval.
  std::vector<std::size_t> judge() {
    now_ = detector_.interval_end();
    std::vector<std::size_t> out;
    for (const Ejection& each : detector_.judge_shares(peers_, now_)) out.push_back(each.peer);
    return out;
  }
  std::string view(std::size_t at) {
    const auto seen = OutlierDetector::view(records_[at], now_);
    return seen ? seen->to_text() : "";
  }
  bool ends(std::size_t at) { return detector_.ends(records_[at], now_); }

  OutlierDetector detector_;
  std::deque<OutlierRecord> records_;
  std::vector<OutlierPeer> peers_;
  TimePoint now_{1000s};
};

OutlierPolicy by_share(double share, std::uint32_t minimum = 10) {
  OutlierPolicy policy;
  policy.consecutive_errors = 0;
  policy.failure_share = share;
  policy.minimum_requests = minimum;
  policy.max_ejected = 1;
  return policy;
}

TEST_F(OutlierDetectorTest, OffItHearsNothing) {
  begin(3);
  detector_.apply(std::nullopt, now_);
  EXPECT_FALSE(detector_.on());
  EXPECT_FALSE(tries(0, 100));
}

TEST_F(OutlierDetectorTest, SoManyErrorsInARow) {
  begin(3);
  EXPECT_FALSE(tries(0, 4));
  EXPECT_FALSE(tries(0, 1, false));
  EXPECT_FALSE(tries(0, 4));
  const auto ejected = tries(0, 1);
  ASSERT_TRUE(ejected);
  EXPECT_EQ(ejected->peer, 0U);
  EXPECT_EQ(ejected->cause, EjectionCause::consecutive_errors);
  EXPECT_EQ(ejected->why, "5 errors");
  EXPECT_EQ(ejected->time, 30s);
  EXPECT_EQ(view(0), "ejected: 5 errors, 30 s left");
  now_ += 8500ms;
  EXPECT_EQ(view(0), "ejected: 5 errors, 22 s left");
  EXPECT_EQ(detector_.counts()[0], 1U);
}

TEST_F(OutlierDetectorTest, EndsWithItsTime) {
  begin(2);
  ASSERT_TRUE(tries(0, 5));
  EXPECT_EQ(OutlierDetector::ejected_until(records_[0]), now_ + 30s);
  now_ += 29s;
  EXPECT_FALSE(ends(0));
  now_ += 1s;
  EXPECT_TRUE(ends(0));
  EXPECT_FALSE(ends(0));
  EXPECT_EQ(view(0), "");
  EXPECT_EQ(OutlierDetector::ejected_until(records_[0]), no_deadline);
}

TEST_F(OutlierDetectorTest, WhatComesWhileItIsOutCountsNowhere) {
  begin(2);
  ASSERT_TRUE(tries(0, 5));
  EXPECT_FALSE(tries(0, 50));
  now_ += 30s;
  ASSERT_TRUE(ends(0));
  EXPECT_FALSE(tries(0, 4));
  EXPECT_TRUE(tries(0, 1));
}

TEST_F(OutlierDetectorTest, EjectionsInARowGrowUpToTheLongest) {
  OutlierPolicy policy;
  policy.max_ejection_time = 100s;
  begin(2, policy);
  for (const Duration expected : {30s, 60s, 90s, 100s, 100s}) {
    const auto ejected = tries(0, 5);
    ASSERT_TRUE(ejected);
    EXPECT_EQ(ejected->time, expected);
    now_ += expected;
    ASSERT_TRUE(ends(0));
    now_ += 1s;
  }
}

TEST_F(OutlierDetectorTest, TheRowEndsWhenItWasBackForAsLong) {
  begin(2);
  for (const auto& [back, expected] : std::vector<std::pair<Duration, Duration>>{
           {0s, 30s}, {29s, 60s}, {59s, 90s}, {90s, 30s}, {30s, 30s}}) {
    now_ += back;
    const auto ejected = tries(0, 5);
    ASSERT_TRUE(ejected);
    EXPECT_EQ(ejected->time, expected);
    now_ += ejected->time;
    ASSERT_TRUE(ends(0));
  }
}

TEST_F(OutlierDetectorTest, APassedCheckEndsAnEjectionFromBeforeIt) {
  begin(2);
  ASSERT_TRUE(tries(0, 5));
  const TimePoint ejected = now_;
  now_ += 5s;
  EXPECT_FALSE(detector_.ends_by_check(records_[0], ejected - 1ms, now_));
  EXPECT_FALSE(detector_.ends_by_check(records_[1], now_, now_));
  EXPECT_TRUE(detector_.ends_by_check(records_[0], ejected + 1s, now_));
  EXPECT_EQ(view(0), "");
}

TEST_F(OutlierDetectorTest, TurnedOffLetsAllIn) {
  begin(2);
  ASSERT_TRUE(tries(0, 5));
  detector_.apply(std::nullopt, now_);
  EXPECT_TRUE(ends(0));
}

TEST_F(OutlierDetectorTest, AnotherPolicyLeavesOutWhoIsOut) {
  begin(2);
  ASSERT_TRUE(tries(0, 5));
  OutlierPolicy other;
  other.consecutive_errors = 3;
  detector_.apply(other, now_);
  EXPECT_FALSE(ends(0));
  EXPECT_NE(view(0), "");
}

TEST_F(OutlierDetectorTest, TellsWhomItKeeps) {
  begin(2, {});
  const auto refusal = [&](std::size_t at) { return OutlierDetector::refusal(records_[at]); };
  EXPECT_EQ(refusal(0), "");
  ASSERT_TRUE(tries(0, 5));
  EXPECT_EQ(refusal(0), "");
  EXPECT_FALSE(tries(1, 5));
  EXPECT_EQ(refusal(1), "5 errors, but it is the last one in use");
  tries(1, 1, false);
  EXPECT_EQ(refusal(1), "") << "a success forgives";

  peers_.clear();
  records_.clear();
  begin(10, {.max_ejected = 0.1});
  ASSERT_TRUE(tries(0, 5));
  EXPECT_FALSE(tries(1, 5));
  EXPECT_EQ(refusal(1), "5 errors, but max_ejected is reached");
  now_ += 30s;
  ASSERT_TRUE(ends(0));
  ASSERT_TRUE(tries(1, 5));
  EXPECT_EQ(refusal(1), "");
  // Who is out by its checks is not kept in.
  peers_[2].healthy = false;
  EXPECT_FALSE(tries(2, 5));
  EXPECT_EQ(refusal(2), "");
}

TEST_F(OutlierDetectorTest, OfASharePastTheCeilingItTellsForAnInterval) {
  OutlierPolicy policy = by_share(0.5);
  policy.max_ejected = 0;
  begin(3, policy);
  interval(0, 10, 6);
  EXPECT_TRUE(judge().empty());
  EXPECT_EQ(OutlierDetector::refusal(records_[0]),
            "60.0% of 10 requests failed, but max_ejected is reached");
  interval(0, 10, 1);
  EXPECT_TRUE(judge().empty());
  EXPECT_EQ(OutlierDetector::refusal(records_[0]), "");
}

struct CeilingRow {
  const char* name;
  std::size_t endpoints;
  double max_ejected;
  std::size_t ejected;  // of all, when all fail
};
class OutlierCeiling : public OutlierDetectorTest,
                       public testing::WithParamInterface<CeilingRow> {};

TEST_P(OutlierCeiling, HoldsAfterEachEjection) {
  OutlierPolicy policy;
  policy.max_ejected = GetParam().max_ejected;
  begin(GetParam().endpoints, policy);
  std::size_t ejected = 0;
  for (std::size_t at = 0; at < GetParam().endpoints; ++at) ejected += tries(at, 25) ? 1U : 0U;
  std::size_t out = 0;
  for (const OutlierRecord& record : records_) {
    out += OutlierDetector::ejected_until(record) != no_deadline ? 1U : 0U;
  }
  EXPECT_EQ(out, GetParam().ejected);
  EXPECT_EQ(detector_.counts()[0], GetParam().ejected);
}

INSTANTIATE_TEST_SUITE_P(
    All, OutlierCeiling,
    testing::Values(CeilingRow{"one_alone_stays", 1, 1.0, 0}, CeilingRow{"one_of_two", 2, 0.5, 1},
                    CeilingRow{"one_of_two_at_all", 2, 1.0, 1},
                    CeilingRow{"one_of_three", 3, 0.5, 1}, CeilingRow{"none_of_three", 3, 0.3, 0},
                    CeilingRow{"three_of_ten", 10, 0.3, 3},
                    CeilingRow{"one_always_stays", 4, 1.0, 3}, CeilingRow{"nobody", 4, 0.0, 0}),
    [](const auto& each) { return each.param.name; });

TEST_F(OutlierDetectorTest, WhoIsUnhealthyStaysForNobody) {
  begin(2);
  peers_[1].healthy = false;
  EXPECT_FALSE(tries(0, 5));
  peers_[1].healthy = true;
  EXPECT_TRUE(tries(0, 5));
}

TEST_F(OutlierDetectorTest, ASharesIntervalDecides) {
  begin(3, by_share(0.5));
  interval(0, 10, 5);
  interval(1, 10, 4);
  interval(2, 9, 9);
  EXPECT_EQ(judge(), std::vector<std::size_t>{0});
  EXPECT_EQ(view(0), "ejected: 50.0% of 10 requests failed, 30 s left");
  EXPECT_EQ(detector_.counts()[1], 1U);
  // Each interval counts anew.
  interval(1, 5, 5);
  EXPECT_TRUE(judge().empty());
  interval(1, 5, 5);
  EXPECT_TRUE(judge().empty());
}

TEST_F(OutlierDetectorTest, NotBeforeTheIntervalIsOver) {
  begin(3, by_share(0.5));
  interval(0, 10, 10);
  EXPECT_TRUE(detector_.judge_shares(peers_, now_ + 9999ms).empty());
  EXPECT_FALSE(detector_.judge_shares(peers_, now_ + 10s).empty());
}

struct ShareRow {
  const char* name;
  std::vector<int> failures;  // of 100 requests of each endpoint
  std::vector<std::size_t> ejected;
};
class OutlierShares : public OutlierDetectorTest, public testing::WithParamInterface<ShareRow> {};

TEST_P(OutlierShares, WhoStandsOutIsEjected) {
  begin(GetParam().failures.size(), by_share(0.2));
  for (std::size_t i = 0; i < GetParam().failures.size(); ++i) {
    interval(i, 100, GetParam().failures[i]);
  }
  std::vector<std::size_t> ejected = judge();
  EXPECT_EQ(ejected, GetParam().ejected);
}

INSTANTIATE_TEST_SUITE_P(
    All, OutlierShares,
    testing::Values(ShareRow{"fewer_than_five_share_alone", {30, 30, 30, 30}, {0, 1, 2}},
                    ShareRow{"one_of_five", {90, 0, 0, 0, 0}, {0}},
                    ShareRow{"all_fail_alike", {90, 90, 90, 90, 90}, {}},
                    ShareRow{"below_the_share", {19, 0, 0, 0, 0}, {}},
                    ShareRow{"within_two_deviations", {55, 30, 50, 40, 20}, {}},
                    ShareRow{"above_two_deviations", {80, 30, 50, 40, 20}, {0}},
                    ShareRow{"two_of_ten_worst_first", {70, 0, 0, 0, 90, 0, 0, 0, 0, 0}, {4, 0}}),
    [](const auto& each) { return each.param.name; });

// Several threads tell of tries while one judges: under a sanitizer this finds races.
TEST_F(OutlierDetectorTest, ManyThreadsTell) {
  OutlierPolicy policy;
  policy.failure_share = 0.5;
  begin(4, policy);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> due{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = 0; !stop; ++i) {
        due += detector_.tried(records_[(i + t) % 4], i % 3 != 0) ? 1U : 0U;
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    now_ += 1s;
    for (std::size_t at = 0; at < 4; ++at) {
      (void)detector_.eject(at, peers_, now_);
      (void)ends(at);
    }
    (void)detector_.judge_shares(peers_, now_);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace weir::control
