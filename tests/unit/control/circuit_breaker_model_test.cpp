// The circuit breaker against a slow, obvious model, and under several threads.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "control/breaker_model.hpp"
#include "control/breaker_policies.hpp"
#include "weir/control/circuit_breaker.hpp"

namespace weir::control {
namespace {

using namespace std::chrono_literals;

TEST(CircuitBreakerModel, AnyHistoryIsTheModels) {
  std::mt19937 random(20240607);
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  std::array<int, 3> seen{};
  for (int round = 0; round < 400; ++round) {
    BreakerPolicy policy;
    policy.failure_rate = 0.1 * (1 + pick(10));
    policy.slow_call_rate = 0.1 * (1 + pick(10));
    policy.window = 1s * (1 + pick(5));
    policy.window_calls = pick(2) == 0 ? 0 : static_cast<std::uint32_t>(1 + pick(20));
    policy.minimum_calls = static_cast<std::uint32_t>(1 + pick(12));
    policy.open_for = 100ms * (1 + pick(20));
    policy.half_open_calls = static_cast<std::uint32_t>(1 + pick(5));
    const int failing = pick(100);
    const int slow = pick(60);
    CircuitBreaker breaker;
    breaker.apply(policy);
    BreakerModel model(policy);
    std::map<int, BreakerCall> open;
    TimePoint now = start + std::chrono::milliseconds(pick(1000));
    int next = 0;
    for (int step = 0; step < 500; ++step) {
      SCOPED_TRACE(testing::Message() << "round " << round << " step " << step);
      now += std::chrono::milliseconds(pick(5) == 0 ? pick(400) : pick(10));
      const int what = pick(1000);
      if (what < 500 && open.size() < 20) {
        auto call = breaker.begin(now);
        ASSERT_EQ(call.has_value(), model.begin(next, now));
        if (call) open.emplace(next, std::move(*call));
        ++next;
      } else if (what < 995 && !open.empty()) {
        auto one = std::next(open.begin(), pick(static_cast<int>(open.size())));
        if (pick(10) == 0) {
          model.give_up(one->first);
        } else {
          const bool failed = pick(100) < failing;
          const bool took_long = pick(100) < slow;
          one->second.ended(now, CallEnd::answered, failed ? 500 : 200, took_long ? 2s : 1ms);
          model.end(one->first, now, failed, took_long);
        }
        open.erase(one);
      } else if (what >= 995) {
        const auto force = static_cast<BreakerForce>(pick(3));
        breaker.force(force);
        model.force(force, now);
      }
      const BreakerView view = breaker.view(now);
      ASSERT_EQ(view.state, model.state(now));
      if (view.force == BreakerForce::off && view.state == BreakerState::closed) {
        ASSERT_EQ(view.counts.calls, model.in_window(now).size());
      }
      ++seen[static_cast<std::size_t>(view.state)];
    }
  }
  for (const int times : seen) EXPECT_GT(times, 10'000);
}

// Run under TSan, too.
TEST(CircuitBreakerThreads, ProbesAreCountedOverAllThreads) {
  BreakerPolicy policy = small_policy();
  policy.half_open_calls = 7;
  for (int round = 0; round < 50; ++round) {
    CircuitBreaker breaker;
    breaker.apply(policy);
    for (int i = 0; i < 4; ++i) breaker.begin(start)->ended(start, CallEnd::reset, 0, 1ms);
    std::atomic<unsigned> passed{0};
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&] {
          std::vector<BreakerCall> kept;
          for (int n = 0; n < 20; ++n) {
            auto call = breaker.begin(start + 10s);
            if (!call) continue;
            ++passed;
            kept.push_back(std::move(*call));
          }
          for (BreakerCall& call : kept) call.ended(start + 10s, CallEnd::answered, 200, 1ms);
        });
      }
    }
    // Whoever came after the last probe ended met the closed one.
    const BreakerView view = breaker.view(start + 10s);
    EXPECT_EQ(view.state, BreakerState::closed);
    EXPECT_EQ(view.counts.calls, passed - 7);
  }
}

TEST(CircuitBreakerThreads, NoEndIsLost) {
  BreakerPolicy policy;
  policy.window = 1h;
  policy.failure_rate = 1;
  CircuitBreaker breaker;
  breaker.apply(policy);
  breaker.begin(start)->ended(start, CallEnd::answered, 200, 1ms);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&breaker, i] {
        for (int n = 0; n < 20'000; ++n) {
          auto call = breaker.begin(start);
          ASSERT_TRUE(call);
          call->ended(start, CallEnd::answered, n % 4 == i ? 500 : 200, 1ms);
          if (n % 1000 == 0) (void)breaker.view(start);
        }
      });
    }
  }
  EXPECT_EQ(breaker.view(start).counts, (CallCounts{.calls = 40'001, .failed = 10'000, .slow = 0}));
}

}  // namespace
}  // namespace weir::control
