#include "weir/control/rate_limiter.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

namespace weir::control {
namespace {

using namespace std::chrono_literals;

const TimePoint limiter_start(std::chrono::hours(1000));

std::string caller(std::uint64_t n) { return "caller " + std::to_string(n); }

std::uint64_t left(const RateLimiter& limiter, const RateLimiter::Decision& decision) {
  return limiter.view(decision).left;
}

TEST(RateLimiter, CountsEachCallerByItself) {
  RateLimiter limiter({.tokens = 1, .period = 1s, .burst = 2});
  EXPECT_EQ(left(limiter, limiter.look("a", limiter_start)), 2u);
  EXPECT_EQ(left(limiter, limiter.decide("a", limiter_start)), 1u);
  EXPECT_TRUE(limiter.decide("a", limiter_start).allowed);
  EXPECT_FALSE(limiter.decide("a", limiter_start).allowed);
  EXPECT_EQ(left(limiter, limiter.decide("b", limiter_start)), 1u);
  EXPECT_EQ(left(limiter, limiter.look("a", limiter_start)), 0u);
  EXPECT_EQ(left(limiter, limiter.look("a", limiter_start + 1s)), 1u);
  EXPECT_TRUE(limiter.decide("a", limiter_start + 1s).allowed);
}

TEST(RateLimiter, ARefusalLeavesLessThanItsCost) {
  RateLimiter limiter({.tokens = 1, .period = 1s, .burst = 5, .cost = 2});
  EXPECT_EQ(left(limiter, limiter.decide("a", limiter_start)), 3u);
  EXPECT_EQ(left(limiter, limiter.decide("a", limiter_start)), 1u);
  const auto refused = limiter.decide("a", limiter_start);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(limiter.view(refused).left, 1u);
  EXPECT_EQ(limiter.view(refused).grows, 1s);
}

TEST(RateLimiter, AFullTableForgivesNobody) {
  RateLimiter limiter({.tokens = 1, .period = 1h, .burst = 1, .max_keys = 10});
  EXPECT_TRUE(limiter.decide("offender", limiter_start).allowed);
  std::uint64_t passed = 0;
  for (std::uint64_t n = 0; n < 10'000; ++n) {
    if (limiter.decide(caller(n), limiter_start + 1min).allowed) ++passed;
    EXPECT_FALSE(limiter.decide("offender", limiter_start + 1min).allowed);
  }
  EXPECT_GE(passed, 9u);
  EXPECT_LE(passed, 24u + 64u);
  // Their buckets are full again: there is room.
  for (std::uint64_t n = 0; n < 20; ++n) {
    EXPECT_TRUE(limiter.decide(caller(n), limiter_start + 3h).allowed);
  }
}

// Who was limited together with others does not start afresh when there is room.
TEST(RateLimiter, RoomForgivesNobodyEither) {
  RateLimiter limiter({.tokens = 1, .period = 1h, .burst = 3, .max_keys = 2});
  for (std::uint64_t n = 0; n < 4; ++n) {
    EXPECT_TRUE(limiter.decide(caller(n), limiter_start).allowed);  // full again in an hour
  }
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.decide("late", limiter_start).allowed);
  EXPECT_FALSE(limiter.decide("late", limiter_start + 30min).allowed);
  EXPECT_TRUE(limiter.decide("late", limiter_start + 61min).allowed);
  EXPECT_FALSE(limiter.decide("late", limiter_start + 61min).allowed);
}

// As many pass as a bucket holds and gets, over both threads together.
TEST(RateLimiter, IsExactOverThreads) {
  constexpr std::uint64_t burst = 1000;
  RateLimiter limiter({.tokens = 1000, .period = 1s, .burst = burst});
  std::atomic<std::uint64_t> passed{0};
  std::atomic<std::int64_t> clock{0};
  constexpr std::int64_t steps = 200'000;  // of 10 us: 2 s
  const auto work = [&] {
    while (true) {
      const std::int64_t step = clock.fetch_add(1);
      if (step > steps) return;
      for (int i = 0; i < 2; ++i) {
        if (limiter.decide("all", limiter_start + step * 10us).allowed) passed.fetch_add(1);
      }
    }
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_LE(passed.load(), burst + 2000);
  EXPECT_GE(passed.load(), burst + 2000 - 1);
}

}  // namespace
}  // namespace weir::control
