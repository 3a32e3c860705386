#include "weir/control/concurrency_limiter.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace weir::control {
namespace {

TEST(ConcurrencyLimiter, HasSoManyPlacesForEachCaller) {
  ConcurrencyLimiter limiter(2);
  const auto first = limiter.enter("a");
  const auto second = limiter.enter("a");
  EXPECT_NE(first, nullptr);
  EXPECT_NE(second, nullptr);
  EXPECT_EQ(limiter.enter("a"), nullptr);
  EXPECT_NE(limiter.enter("b"), nullptr);
  ConcurrencyLimiter::release(first);
  EXPECT_NE(limiter.enter("a"), nullptr);
  EXPECT_EQ(limiter.enter("a"), nullptr);
}

TEST(ConcurrencyLimiter, GoesOnOverManyCallers) {
  ConcurrencyLimiter limiter(1);
  for (std::uint64_t n = 0; n < 2 * ConcurrencyLimiter::max_keys; ++n) {
    const auto place = limiter.enter("caller " + std::to_string(n));
    ASSERT_NE(place, nullptr);
    ConcurrencyLimiter::release(place);
  }
}

TEST(ConcurrencyLimiter, IsExactOverThreads) {
  constexpr int limit = 3;
  ConcurrencyLimiter limiter(limit);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  const auto work = [&] {
    for (int n = 0; n < 20'000; ++n) {
      std::vector<ConcurrencyLimiter::Place> places;
      for (int i = 0; i < limit; ++i) {
        if (const auto place = limiter.enter("a")) places.push_back(place);
      }
      const int now =
          inside.fetch_add(static_cast<int>(places.size())) + static_cast<int>(places.size());
      int before = most.load();
      while (now > before && !most.compare_exchange_weak(before, now)) {
      }
      inside.fetch_sub(static_cast<int>(places.size()));
      for (const auto place : places) ConcurrencyLimiter::release(place);
    }
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_LE(most.load(), limit);
  EXPECT_GE(most.load(), 1);
  for (int i = 0; i < limit; ++i) EXPECT_NE(limiter.enter("a"), nullptr);
  EXPECT_EQ(limiter.enter("a"), nullptr);
}

}  // namespace
}  // namespace weir::control
