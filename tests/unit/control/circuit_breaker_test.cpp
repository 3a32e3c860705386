#include "weir/control/circuit_breaker.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "control/breaker_policies.hpp"

namespace weir::control {
namespace {

using namespace std::chrono_literals;

class CircuitBreakerTest : public testing::Test {
 protected:
  void set(const BreakerPolicy& policy) { breaker_.apply(policy); }
  // One call from its begin to its end; false when it was refused.
  bool call(int status = 200, Duration took = 1ms) {
    auto begun = breaker_.begin(now_);
    if (!begun) {
      refusal_ = begun.error();
      return false;
    }
    begun->ended(now_, CallEnd::answered, status, took);
    return true;
  }
  void calls(int n, int status = 200, Duration took = 1ms) {
    for (int i = 0; i < n; ++i) EXPECT_TRUE(call(status, took)) << i;
  }
  BreakerView view() { return breaker_.view(now_); }

  std::vector<std::string> told_;
  CircuitBreaker breaker_{[this](const BreakerChange& change) {
    told_.push_back(std::string(name(change.from)) + ">" + std::string(name(change.to)) + " " +
                    change.why);
  }};
  TimePoint now_ = start;
  Duration refusal_{};
};

TEST_F(CircuitBreakerTest, WithoutAPolicyEverythingPasses) {
  calls(100, 500);
  EXPECT_FALSE(view().active);
  EXPECT_TRUE(told_.empty());
}

TEST_F(CircuitBreakerTest, OpensHalfOpensAndCloses) {
  set(small_policy());
  calls(2);
  calls(1, 503);
  EXPECT_EQ(view().state, BreakerState::closed);
  calls(1, 503);  // 2 of 4
  EXPECT_EQ(view().state, BreakerState::open);
  EXPECT_EQ(view().why, "50.0% of 4 calls failed");
  EXPECT_FALSE(call());
  EXPECT_EQ(refusal_, 10s);
  now_ += 9900ms;
  EXPECT_FALSE(call());
  EXPECT_EQ(refusal_, 100ms);
  now_ += 100ms;
  EXPECT_EQ(view().state, BreakerState::half_open);
  calls(2);
  EXPECT_EQ(view().state, BreakerState::closed);
  EXPECT_EQ(view().counts, CallCounts());
  EXPECT_EQ(told_, (std::vector<std::string>{"closed>open 50.0% of 4 calls failed",
                                             "open>half_open open_for is over",
                                             "half_open>closed 2 of 2 probes succeeded"}));
  EXPECT_EQ(view().transitions, (std::array<std::uint64_t, 3>{1, 1, 1}));
}

TEST_F(CircuitBreakerTest, FailedProbesOpenItAgain) {
  set(small_policy());
  calls(4, 500);
  now_ += 10s;
  calls(1);
  calls(1, 500);
  EXPECT_EQ(view().state, BreakerState::open);
  EXPECT_FALSE(call());
  EXPECT_EQ(refusal_, 10s);
}

TEST_F(CircuitBreakerTest, OnlySoManyProbesAtATime) {
  set(small_policy());
  calls(4, 500);
  now_ += 10s;
  auto first = breaker_.begin(now_);
  auto second = breaker_.begin(now_);
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(breaker_.begin(now_));
  first->give_up();  // the client left: its place is free again
  first = breaker_.begin(now_);
  ASSERT_TRUE(first);
  EXPECT_FALSE(breaker_.begin(now_));
  first->ended(now_, CallEnd::answered, 200, 1ms);
  first->give_up();
  EXPECT_FALSE(breaker_.begin(now_));
  second->ended(now_, CallEnd::unknown, 0, 1ms);  // the same
  second->give_up();
  EXPECT_EQ(view().state, BreakerState::half_open);
  EXPECT_TRUE(call());
  EXPECT_EQ(view().state, BreakerState::closed);
}

TEST_F(CircuitBreakerTest, ProbesThatTakeLongDoNotHoldTheOthersUp) {
  set(small_policy());
  calls(4, 500);
  now_ += 10s;
  auto first = breaker_.begin(now_);
  auto second = breaker_.begin(now_);
  now_ += 9999ms;
  EXPECT_FALSE(breaker_.begin(now_));
  now_ += 1ms;
  calls(2);
  EXPECT_EQ(view().state, BreakerState::closed);
  first->ended(now_, CallEnd::reset, 0, 10s);  // of a stretch that is over
  second->ended(now_, CallEnd::reset, 0, 10s);
  EXPECT_EQ(view().counts, CallCounts());
}

TEST_F(CircuitBreakerTest, SlowCallsOpenItWhateverTheyCameTo) {
  BreakerPolicy policy = small_policy();
  policy.slow_call_rate = 0.75;
  set(policy);
  calls(2, 200, 1001ms);
  calls(1, 200, 1s);  // not longer than slow_call
  calls(1, 200, 2s);
  EXPECT_EQ(view().state, BreakerState::open);
  EXPECT_EQ(view().why, "75.0% of 4 calls were slow");
}

TEST_F(CircuitBreakerTest, WhatCountsIsThePolicys) {
  struct Row {
    const char* name;
    CallEnd end;
    int status;
    std::uint64_t by_default;
    std::uint64_t by_503_alone;
  };
  const Row rows[] = {
      {"200", CallEnd::answered, 200, 0, 0},
      {"404", CallEnd::answered, 404, 0, 0},
      {"499", CallEnd::answered, 499, 0, 0},
      {"500", CallEnd::answered, 500, 1, 0},
      {"503", CallEnd::answered, 503, 1, 1},
      {"599", CallEnd::answered, 599, 1, 0},
      {"101", CallEnd::answered, 101, 0, 0},
      {"connect", CallEnd::connect, 0, 1, 0},
      {"reset", CallEnd::reset, 0, 1, 0},
      {"timeout", CallEnd::timeout, 0, 1, 0},
      {"the client left", CallEnd::unknown, 0, 0, 0},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    BreakerPolicy policy;
    for (const std::uint64_t wanted : {row.by_default, row.by_503_alone}) {
      CircuitBreaker breaker;
      breaker.apply(policy);
      breaker.begin(start)->ended(start, row.end, row.status, 1ms);
      EXPECT_EQ(breaker.view(start).counts.failed, wanted);
      EXPECT_EQ(breaker.view(start).counts.calls, row.end == CallEnd::unknown ? 0u : 1u);
      policy.connect_fails = policy.reset_fails = policy.timeout_fails = false;
      policy.statuses_fail.reset().set(3);
    }
  }
}

TEST_F(CircuitBreakerTest, CodesOfGrpcCountWhereThePolicyNamesThem) {
  struct Row {
    const char* name;
    CallEnd end;
    int status;
    GrpcStatus grpc;
    std::uint64_t failed;
  };
  const Row rows[] = {
      {"ok", CallEnd::answered, 200, 0, 0},
      {"unavailable", CallEnd::answered, 200, 14, 1},
      {"another code", CallEnd::answered, 200, 13, 0},
      {"a number that is no code", CallEnd::answered, 200, other_grpc_status, 0},
      {"no status", CallEnd::answered, 200, no_grpc_status, 0},
      {"a 503 without one", CallEnd::answered, 503, no_grpc_status, 1},
      {"cut", CallEnd::reset, 200, no_grpc_status, 1},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    CircuitBreaker breaker;
    BreakerPolicy policy;
    policy.grpc_fails.set(14);
    breaker.apply(policy);
    auto call = breaker.begin(start);
    EXPECT_TRUE(call->counts_grpc());
    call->ended(start, row.end, row.status, 1ms, row.grpc);
    EXPECT_EQ(breaker.view(start).counts.failed, row.failed);
    EXPECT_EQ(breaker.view(start).counts.calls, 1u);
  }
  CircuitBreaker without;
  without.apply(BreakerPolicy());
  EXPECT_FALSE(without.begin(start)->counts_grpc());
  without.begin(start)->ended(start, CallEnd::answered, 200, 1ms, 14);
  EXPECT_EQ(without.view(start).counts.failed, 0u);
}

TEST_F(CircuitBreakerTest, ForcedItStaysAsItIs) {
  set(small_policy());
  breaker_.force(BreakerForce::open);
  EXPECT_EQ(view().state, BreakerState::open);
  EXPECT_FALSE(call());
  now_ += 1h;
  EXPECT_FALSE(call());
  breaker_.force(BreakerForce::closed);
  calls(100, 500);
  EXPECT_EQ(view().state, BreakerState::closed);
  EXPECT_EQ(view().counts.calls, 0u);
  BreakerPolicy other = small_policy();
  other.minimum_calls = 5;
  set(other);  // a reload does not end it
  calls(100, 500);
  breaker_.force(BreakerForce::off);
  calls(4, 500);
  EXPECT_EQ(view().state, BreakerState::closed);
  calls(1, 500);
  EXPECT_EQ(view().state, BreakerState::open);
  EXPECT_EQ(told_, (std::vector<std::string>{"closed>open forced by an operator",
                                             "open>closed forced by an operator",
                                             "closed>open 100.0% of 5 calls failed"}));
}

TEST_F(CircuitBreakerTest, ForcingWorksWithoutAPolicy) {
  breaker_.force(BreakerForce::open);
  EXPECT_FALSE(call());
  EXPECT_TRUE(view().active);
  EXPECT_EQ(view().why, "forced by an operator");
  breaker_.force(BreakerForce::off);
  calls(100, 500);
  EXPECT_FALSE(view().active);
}

TEST_F(CircuitBreakerTest, TheSameSettingsAgainChangeNothing) {
  set(small_policy());
  calls(4, 500);
  set(small_policy());
  EXPECT_EQ(view().state, BreakerState::open);
  BreakerPolicy other = small_policy();
  other.open_for = 1s;
  set(other);
  EXPECT_EQ(view().state, BreakerState::closed);
  calls(3, 500);
  breaker_.apply(std::nullopt);
  calls(100, 500);
}

TEST_F(CircuitBreakerTest, AfterClosingACrowdIsLetInByAndBy) {
  BreakerPolicy policy = small_policy();
  policy.open_for = 1s;
  set(policy);
  calls(4, 500);
  now_ += 1s;
  calls(2);
  ASSERT_EQ(view().state, BreakerState::closed);
  calls(1000);  // one after the other: nobody is refused
  calls(2, 200);
  std::vector<BreakerCall> crowd;
  const auto crowd_in = [&] {
    while (crowd.size() < 1'000'000) {
      auto call = breaker_.begin(now_);
      if (!call) {
        EXPECT_EQ(call.error(), 0s);
        break;
      }
      crowd.push_back(std::move(*call));
    }
    return crowd.size();
  };
  const std::size_t first = crowd_in();
  EXPECT_EQ(first, CircuitBreaker::ramp_calls + 1002);
  now_ += 100ms;
  EXPECT_EQ(crowd_in(), 2 * first);
  now_ += 800ms;
  EXPECT_EQ(crowd_in(), 512 * first);
  now_ += 100ms;
  EXPECT_TRUE(breaker_.begin(now_));
  crowd.clear();
  EXPECT_EQ(view().transitions, (std::array<std::uint64_t, 3>{1, 1, 1}));
  // What began in the ramp counts in the window of the state that it led to.
  auto late = breaker_.begin(now_);
  late->ended(now_, CallEnd::reset, 0, 1ms);
  EXPECT_EQ(view().counts.failed, 1u);
}

}  // namespace
}  // namespace weir::control
