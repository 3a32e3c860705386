#include "weir/control/joint_shed.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <random>
#include <vector>

#include "weir/control/circuit_breaker.hpp"

namespace weir::control {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint joint_start{std::chrono::seconds(5000)};

// Rounded up: never more than `rate` in a second.
Duration time_between(int rate) { return (Duration(1s) + Duration(rate - 1)) / rate; }

// Calls at a steady rate, and how they are answered.
class Traffic {
 public:
  explicit Traffic(const JointShedPolicy& policy)
      : shed([this](const JointShedChange& change) { changes.push_back(change); }, 7) {
    shed.apply(policy);
  }

  // `rate` a second for `time`; each that is let in takes `took`. Returns how many were refused.
  int run(int rate, Duration time, Duration took = 1ms, Priority priority = Priority::normal) {
    const Duration between = time_between(rate);
    int refused = 0;
    for (const TimePoint end = now + time; now < end; now += between) {
      ++calls;
      if (shed.call(priority, now, true)) {
        ++refused;
      } else {
        shed.answered(now, took);
      }
    }
    return refused;
  }

  TimePoint now = joint_start;
  int calls = 0;
  std::vector<JointShedChange> changes;
  JointShed shed;
};

TEST(JointShed, OffRefusesNobody) {
  JointShed shed;
  EXPECT_FALSE(shed.on());
  for (int n = 0; n < 1000; ++n) EXPECT_FALSE(shed.call(Priority::low, joint_start, true));
  EXPECT_FALSE(shed.view(joint_start).on);
}

TEST(JointShed, PastTheRateAShareGoes) {
  Traffic traffic({.rate = 1200, .share = 0.15});
  EXPECT_EQ(traffic.run(1200, 10s), 0);  // at the limit is not past it
  traffic.run(1500, 2s);
  const JointShedView view = traffic.shed.view(traffic.now);
  EXPECT_TRUE(view.active);
  EXPECT_EQ(view.cause, ShedCause::rate);
  EXPECT_NEAR(view.rate, 1500, 2);
  traffic.calls = 0;
  const int refused = traffic.run(1500, 20s);
  EXPECT_NEAR(refused, 0.15 * traffic.calls, 4);
}

// Just below the limit it goes on; it ends when the rate was below nine tenths for five seconds.
TEST(JointShed, EndsBelowNineTenths) {
  Traffic traffic({.rate = 1000, .share = 0.15});
  traffic.run(1300, 3s);
  ASSERT_TRUE(traffic.shed.view(traffic.now).active);
  traffic.calls = 0;
  const int refused = traffic.run(950, 30s);
  EXPECT_NEAR(refused, 0.15 * traffic.calls, 4);
  EXPECT_TRUE(traffic.shed.view(traffic.now).active);
  traffic.run(800, 4s);
  EXPECT_TRUE(traffic.shed.view(traffic.now).active);
  traffic.run(950, 2s);  // counts anew
  traffic.run(800, 5s);
  EXPECT_TRUE(traffic.shed.view(traffic.now).active);
  traffic.run(800, 2s);
  EXPECT_FALSE(traffic.shed.view(traffic.now).active);
  ASSERT_EQ(traffic.changes.size(), 2u);
  EXPECT_TRUE(traffic.changes[0].active);
  EXPECT_FALSE(traffic.changes[1].active);
  EXPECT_NEAR(static_cast<double>(traffic.changes[1].shed),
              0.15 * static_cast<double>(traffic.changes[1].calls), 4);
  EXPECT_GT(traffic.changes[1].lasted, 40s);
}

TEST(JointShed, PastTheP95AShareGoes) {
  Traffic traffic({.p95 = 200ms, .share = 0.15});
  EXPECT_EQ(traffic.run(100, 20s, 200ms), 0);  // at the limit is not past it
  EXPECT_EQ(traffic.shed.view(traffic.now).p95, 200ms);
  traffic.run(100, 6s, 201ms);
  const JointShedView view = traffic.shed.view(traffic.now);
  EXPECT_TRUE(view.active);
  EXPECT_EQ(view.cause, ShedCause::p95);
  // Known in steps: at most so much.
  EXPECT_GE(view.p95, 201ms);
  EXPECT_LE(view.p95, 224ms);
  traffic.calls = 0;
  const int refused = traffic.run(100, 20s, 201ms);
  EXPECT_NEAR(refused, 0.15 * traffic.calls, 4);
  // Nine tenths are calm, more is not.
  traffic.run(100, 20s, 181ms);
  EXPECT_TRUE(traffic.shed.view(traffic.now).active);
  traffic.run(100, 11s, 180ms);
  EXPECT_FALSE(traffic.shed.view(traffic.now).active);
}

TEST(JointShed, OneInTwentyMayBeSlow) {
  for (const int every : {25, 15}) {
    SCOPED_TRACE(every);
    Traffic traffic({.p95 = 200ms, .share = 0.15});
    for (int n = 0; n < 2000; ++n) {
      traffic.run(100, 10ms, n % every == every - 1 ? 1s : 1ms);
    }
    EXPECT_EQ(traffic.shed.view(traffic.now).active, every == 15);
  }
}

TEST(JointShed, AFewSlowAnswersAreNoP95) {
  Traffic traffic({.p95 = 200ms, .share = 0.5});
  traffic.run(3, 60s, 2s);
  EXPECT_FALSE(traffic.shed.view(traffic.now).p95);
  EXPECT_TRUE(traffic.changes.empty());
  traffic.run(5, 10s, 2s);
  EXPECT_FALSE(traffic.changes.empty());
}

TEST(JointShed, EndsWithoutAnotherCall) {
  Traffic traffic({.rate = 100, .p95 = 200ms, .share = 0.15});
  traffic.run(300, 5s, 300ms);
  ASSERT_TRUE(traffic.shed.view(traffic.now).active);
  // The answers of the last five seconds, and five seconds of calm.
  EXPECT_TRUE(traffic.shed.view(traffic.now + 9s).active);
  EXPECT_FALSE(traffic.shed.view(traffic.now + 11s).active);
  EXPECT_EQ(traffic.shed.view(traffic.now + 11s).rate, 0);
  traffic.now += 11s;
  traffic.run(300, 5s, 300ms);
  ASSERT_TRUE(traffic.shed.view(traffic.now).active);
  EXPECT_FALSE(traffic.shed.view(traffic.now + 1h).active);
  EXPECT_EQ(traffic.changes.size(), 4u);
}

TEST(JointShed, WhatCannotBeRefusedCounts) {
  JointShed shed;
  shed.apply(JointShedPolicy{.rate = 100, .share = 1});
  TimePoint now = joint_start;
  for (int n = 0; n < 400; ++n, now += 5ms) EXPECT_FALSE(shed.call(Priority::low, now, false));
  EXPECT_TRUE(shed.view(now).active);
  EXPECT_TRUE(shed.call(Priority::low, now, true));
  EXPECT_EQ(shed.view(now).shed[0][0], 1u);
}

TEST(JointShed, AnotherPolicyStartsAnew) {
  Traffic traffic({.rate = 100, .share = 0.15});
  traffic.run(300, 3s);
  traffic.shed.apply(JointShedPolicy{.rate = 100, .share = 0.15});
  EXPECT_TRUE(traffic.shed.view(traffic.now).active);
  traffic.shed.apply(JointShedPolicy{.rate = 1000, .share = 0.15});
  EXPECT_FALSE(traffic.shed.view(traffic.now).active);
  EXPECT_EQ(traffic.changes.size(), 2u);
  const auto shed_so_far = traffic.shed.view(traffic.now).shed;
  EXPECT_GT(shed_so_far[1][0], 0u);
  traffic.shed.apply(std::nullopt);
  EXPECT_FALSE(traffic.shed.on());
  EXPECT_EQ(traffic.shed.view(traffic.now).shed, shed_so_far);
}

// What the share is taken from, with one in ten of low: all of those, and the rest of normal.
TEST(JointShed, LowestPrioritiesFirst) {
  Traffic traffic({.rate = 100, .share = 0.15});
  const auto mixed = [&](int n) {
    int refused[3] = {};
    for (int i = 0; i < n; ++i, traffic.now += 5ms) {
      const Priority priority = i % 10 == 0   ? Priority::low
                                : i % 10 == 1 ? Priority::high
                                              : Priority::normal;
      if (traffic.shed.call(priority, traffic.now, true)) {
        ++refused[static_cast<std::size_t>(priority)];
      }
    }
    return std::vector<int>(std::begin(refused), std::end(refused));
  };
  mixed(1000);
  ASSERT_TRUE(traffic.shed.view(traffic.now).active);
  const std::vector<int> refused = mixed(10'000);
  EXPECT_EQ(refused[0], 1000);
  EXPECT_NEAR(refused[1], 500, 8);
  EXPECT_EQ(refused[2], 0);
}

// The white paper's figures: past 1,200 a second or 200 ms 15 % go, past 2.5 % errors it opens, and
// 60 s later there are ten probes.
class WhitePaper : public testing::Test {
 protected:
  WhitePaper() {
    BreakerPolicy policy;
    policy.failure_rate = 0.025;
    policy.minimum_calls = 1000;
    policy.open_for = 60s;
    policy.half_open_calls = 10;
    breaker.apply(policy);
    breaker.shed().apply(JointShedPolicy{.rate = 1200, .p95 = 200ms, .share = 0.15});
  }

  struct Result {
    int calls = 0;
    int shed = 0;
    int open = 0;
    int answered = 0;
  };

  // As the forwarder asks. Of each thousand calls `errors` fail, spread evenly.
  Result run(int rate, Duration time, Duration took, int errors = 0) {
    Result out;
    const Duration between = time_between(rate);
    for (const TimePoint end = now + time; now < end; now += between) {
      ++out.calls;
      auto call = breaker.begin(now);
      if (breaker.shed().call(Priority::normal, now, call && call->may_be_shed())) {
        ++out.shed;
        continue;
      }
      if (!call) {
        ++out.open;
        continue;
      }
      ++out.answered;
      due += errors;
      const bool fails = due >= 1000;
      if (fails) due -= 1000;
      call->ended(now, CallEnd::answered, fails ? 503 : 200, took);
    }
    return out;
  }
  BreakerState state() { return breaker.view(now).state; }

  CircuitBreaker breaker;
  TimePoint now = joint_start;
  int due = 0;
};

TEST_F(WhitePaper, BelowBothNothingGoes) {
  const Result result = run(1190, 30s, 190ms, 20);
  EXPECT_EQ(result.shed, 0);
  EXPECT_EQ(result.open, 0);
  EXPECT_EQ(state(), BreakerState::closed);
}

TEST_F(WhitePaper, PastTheRateFifteenPercentGo) {
  run(1300, 2s, 50ms);
  const Result result = run(1300, 60s, 50ms);
  EXPECT_NEAR(result.shed, 0.15 * result.calls, 4);
  EXPECT_EQ(result.open, 0);
}

TEST_F(WhitePaper, PastTheP95FifteenPercentGo) {
  run(600, 6s, 210ms);
  const Result result = run(600, 60s, 210ms);
  EXPECT_NEAR(result.shed, 0.15 * result.calls, 4);
  EXPECT_EQ(result.open, 0);
}

TEST_F(WhitePaper, PastTheErrorRateItOpensAndProbesAMinuteLater) {
  run(1300, 12s, 50ms);
  run(1300, 12s, 50ms, 30);
  EXPECT_EQ(state(), BreakerState::open);
  // Open, it refuses everybody itself: nobody is shed.
  const Result open = run(1300, 30s, 50ms);
  EXPECT_EQ(open.answered, 0);
  EXPECT_EQ(open.shed, 0);
  EXPECT_EQ(open.open, open.calls);
  for (const TimePoint end = now + 31s; now < end; now += time_between(1300)) {
    breaker.shed().call(Priority::normal, now, false);
  }
  EXPECT_TRUE(breaker.shed().view(now).active);
  // Ten probes, none of which is shed.
  std::vector<BreakerCall> probes;
  for (int n = 0; n < 40; ++n) {
    auto call = breaker.begin(now);
    EXPECT_FALSE(breaker.shed().call(Priority::low, now, call && call->may_be_shed()));
    if (call) probes.push_back(std::move(*call));
  }
  EXPECT_EQ(state(), BreakerState::half_open);
  EXPECT_EQ(probes.size(), 10u);
  for (BreakerCall& probe : probes) probe.ended(now, CallEnd::answered, 200, 50ms);
  EXPECT_EQ(state(), BreakerState::closed);
}

// Held closed, everything passes; held open, nothing is shed.
TEST_F(WhitePaper, WhatAnOperatorForcedIsNotShed) {
  breaker.force(BreakerForce::closed);
  EXPECT_EQ(run(1500, 10s, 500ms).shed, 0);
  breaker.force(BreakerForce::open);
  const Result open = run(1500, 5s, 500ms);
  EXPECT_EQ(open.shed, 0);
  EXPECT_EQ(open.open, open.calls);
}

// Against lists of all calls and answers, looked through at each tenth of a second.
class JointModel {
 public:
  explicit JointModel(const JointShedPolicy& policy) : policy_(policy) {}

  void call(std::int64_t step) { calls_.push_back(step); }
  void answered(std::int64_t step, Duration took) { answers_.push_back({step, took}); }

  // The steps before `to` are over.
  void close(std::int64_t to) {
    for (; closed_ < to; ++closed_) judge(closed_ + 1);
  }
  bool active = false;

 private:
  struct Answer {
    std::int64_t step;
    Duration took;
  };

  void judge(std::int64_t at) {
    while (!calls_.empty() && calls_.front() < at - 10) calls_.pop_front();
    // Slots of half a second, of which ten are kept; the judgement is before the new one begins.
    while (!answers_.empty() && answers_.front().step / 5 <= (at - 1) / 5 - 10) {
      answers_.pop_front();
    }
    const auto rate = static_cast<double>(
        std::ranges::count_if(calls_, [at](std::int64_t step) { return step < at; }));
    std::vector<Duration> times;
    for (const Answer& each : answers_) {
      if (each.step < at) times.push_back(each.took);
    }
    std::ranges::sort(times);
    const bool known = times.size() >= 20;
    const Duration p95 = known ? times[(95 * times.size() + 99) / 100 - 1] : Duration{};
    if (rate > policy_.rate || (known && p95 > policy_.p95)) {
      active = true;
      calm_ = 0;
      return;
    }
    const bool calm =
        rate < 0.9 * policy_.rate &&
        (!known || p95 <= Duration(std::llround(0.9 * static_cast<double>(policy_.p95.count()))));
    calm_ = calm ? calm_ + 1 : 0;
    if (calm_ > 50) active = false;
  }

  JointShedPolicy policy_;
  std::deque<std::int64_t> calls_;
  std::deque<Answer> answers_;
  std::int64_t closed_ = 0;
  int calm_ = 0;  // steps in a row
};

TEST(JointShed, IsActiveWhenTheListsSaySo) {
  std::mt19937_64 random(21);
  int flips = 0;
  for (int row = 0; row < 8; ++row) {
    SCOPED_TRACE(row);
    const JointShedPolicy policy{.rate = 50, .p95 = 200ms, .share = 0.15};
    JointShed shed;
    shed.apply(policy);
    JointModel model(policy);
    TimePoint now = joint_start;
    const std::int64_t first = joint_start.time_since_epoch() / JointShed::step;
    model.close(first);
    int rate = 20;
    int slow = 100;
    bool before = false;
    for (int i = 0; i < 3000; ++i) {
      if (random() % 300 == 0) rate = 10 + static_cast<int>(random() % 60);
      if (random() % 300 == 0) slow = 80 + static_cast<int>(random() % 160);
      now += Duration(1s) / rate;
      if (random() % 1500 == 0) now += 1ms * (random() % 9000);
      const std::int64_t step = now.time_since_epoch() / JointShed::step;
      model.close(step);
      shed.call(Priority::normal, now, true);
      model.call(step);
      const Duration took = 1ms * (slow + static_cast<int>(random() % 20));
      shed.answered(now, took);
      model.answered(step, took);
      ASSERT_EQ(shed.view(now).active, model.active) << i;
      if (model.active != before) ++flips;
      before = model.active;
    }
  }
  EXPECT_GT(flips, 10);
}

}  // namespace
}  // namespace weir::control
