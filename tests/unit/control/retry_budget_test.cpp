#include "weir/control/retry_budget.hpp"

#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

#include "weir/control/retry_backoff.hpp"

namespace weir::control {
namespace {

using namespace std::chrono_literals;

struct BudgetRow {
  std::uint64_t requests;
  double share;
  std::uint32_t min;
  std::uint64_t limit;
};
constexpr BudgetRow budget_table[]{
    {0, 0.2, 3, 3},   {14, 0.2, 3, 3},
    {15, 0.2, 3, 3},  {19, 0.2, 3, 3},
    {20, 0.2, 3, 4},  {1000, 0.2, 3, 200},
    {1000, 0, 3, 3},  {1000, 0, 0, 0},
    {5, 1.0, 0, 5},   {9, 0.1, 0, 0},
    {10, 0.1, 0, 1},  {30, 0.1, 0, 3},
    {7, 0.3, 0, 2},   {10, 0.3, 0, 3},
    {1, 0.999, 0, 0}, {~std::uint64_t{0}, 1.0, 0, ~std::uint64_t{0} / 1'000'000'000},
};

TEST(RetryBudget, IsAShareOfTheRequestsAndAFewInAnyCase) {
  for (const BudgetRow& row : budget_table) {
    EXPECT_EQ(RetryBudget::limit(row.requests, row.share, row.min), row.limit)
        << row.requests << " " << row.share << " " << row.min;
  }
}

TEST(RetryBudget, IsGivenBack) {
  RetryBudget budget;
  budget.apply(0, 2);
  auto first = budget.take(0);
  ASSERT_TRUE(first);
  {
    const auto second = budget.take(0);
    EXPECT_TRUE(second);
    EXPECT_FALSE(budget.take(0));
    EXPECT_EQ(budget.taken(), 2u);
  }
  RetryBudget::Permit moved = std::move(*first);
  first.reset();
  EXPECT_EQ(budget.taken(), 1u);
  moved.set_in_flight(true);
  moved.set_in_flight(true);
  budget.apply(0.5, 0);
  EXPECT_FALSE(budget.take(3)) << "half of two, and one is taken";
  const auto third = budget.take(5);
  EXPECT_TRUE(third) << "half of four";
  EXPECT_FALSE(budget.take(5));
}

// Random requests that begin, fail, wait, are sent again and end, against lists of them.
TEST(RetryBudget, ActsAsItsModel) {
  struct Retry {
    RetryBudget::Permit permit;
    bool in_flight = false;
  };
  std::mt19937_64 random(1);
  for (int round = 0; round < 20; ++round) {
    RetryBudget budget;
    double share = 0.2;
    std::uint32_t min = 3;
    std::vector<Retry> retries;
    std::uint64_t firsts = 0;
    for (int step = 0; step < 3000; ++step) {
      switch (random() % 8) {
        case 0:
        case 1:
        case 2:
          ++firsts;
          break;
        case 3:
          if (firsts != 0) --firsts;
          break;
        case 4:
        case 5: {
          std::uint64_t in_flight = firsts;
          for (const Retry& each : retries) in_flight += each.in_flight ? 1 : 0;
          auto permit = budget.take(in_flight);
          const double of_share = static_cast<double>(firsts) * share + 1e-6;
          const bool expected =
              static_cast<double>(retries.size()) + 1 <= of_share || retries.size() < min;
          ASSERT_EQ(permit.has_value(), expected)
              << firsts << " requests, " << retries.size() << " retries, " << share << ", " << min;
          if (permit) retries.push_back({std::move(*permit)});
          break;
        }
        case 6:
          if (!retries.empty()) {
            Retry& one = retries[random() % retries.size()];
            one.in_flight = !one.in_flight;
            one.permit.set_in_flight(one.in_flight);
          }
          break;
        case 7:
          if (random() % 50 == 0) {
            share = static_cast<double>(random() % 101) / 100;
            min = static_cast<std::uint32_t>(random() % 5);
            budget.apply(share, min);
          } else if (!retries.empty()) {
            std::swap(retries[random() % retries.size()], retries.back());
            retries.pop_back();
          }
          break;
      }
      ASSERT_EQ(budget.taken(), retries.size());
    }
    retries.clear();
    EXPECT_EQ(budget.taken(), 0u);
  }
}

TEST(RetryBudget, HoldsAmongThreads) {
  RetryBudget budget;
  budget.apply(0, 5);
  std::atomic<int> held{0};
  std::atomic<bool> too_many{false};
  std::vector<std::jthread> threads;
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20000; ++i) {
        const auto permit = budget.take(0);
        if (!permit) continue;
        if (held.fetch_add(1) >= 5) too_many = true;
        held.fetch_sub(1);
      }
    });
  }
  threads.clear();
  EXPECT_FALSE(too_many);
  EXPECT_EQ(budget.taken(), 0u);
}

struct BackoffRow {
  Duration base;
  Duration max;
  unsigned retry;
  Duration most;
};
constexpr BackoffRow backoff_table[]{
    {25ms, 250ms, 1, 25ms},
    {25ms, 250ms, 2, 50ms},
    {25ms, 250ms, 4, 200ms},
    {25ms, 250ms, 5, 250ms},
    {25ms, 250ms, 10, 250ms},
    {1s, 250ms, 1, 250ms},
    {0ms, 250ms, 3, 0ms},
    {25ms, 0ms, 2, 0ms},
    {1ns, Duration::max(), 1000, Duration::max()},
};

TEST(RetryBackoff, IsEvenlyBelowWhatDoubles) {
  std::mt19937_64 random(2);
  for (const BackoffRow& row : backoff_table) {
    Duration longest{};
    Duration shortest = Duration::max();
    for (int i = 0; i < 2000; ++i) {
      const Duration pause = retry_backoff(row.base, row.max, row.retry, random());
      ASSERT_GE(pause, Duration::zero());
      ASSERT_LE(pause, row.most);
      longest = std::max(longest, pause);
      shortest = std::min(shortest, pause);
    }
    EXPECT_GE(longest, row.most / 100 * 95) << row.retry;
    EXPECT_LE(shortest, row.most / 20) << row.retry;
  }
}

}  // namespace
}  // namespace weir::control
