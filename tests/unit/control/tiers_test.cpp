#include "weir/control/tiers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace weir::control {
namespace {

using Tiers = std::vector<TierHealth>;

TEST(TierShares, SpillWhatATierCannotTake) {
  struct Row {
    const char* name;
    Tiers tiers;  // listed, ready, healthy
    double panic_threshold;
    std::vector<double> shares;
    std::vector<bool> panics;
  };
  const Row rows[] = {
      {"one tier, all well", {{3, 3, 3}}, 0.5, {1}, {false}},
      {"the second is not needed", {{3, 3, 3}, {3, 3, 3}}, 0.5, {1, 0}, {false, false}},
      {"5 of 7 are enough", {{7, 7, 5}, {1, 1, 1}}, 0.5, {1, 0}, {false, false}},
      {"half of the first", {{2, 2, 1}, {2, 2, 2}}, 0.5, {0.7, 0.3}, {false, false}},
      {"half of it drained", {{2, 1, 1}, {2, 2, 2}}, 0.5, {0.7, 0.3}, {false, false}},
      {"all of it drained", {{2, 0, 0}, {2, 2, 2}}, 0.5, {0, 1}, {false, false}},
      {"a quarter, but the second makes up for it",
       {{4, 4, 1}, {4, 4, 4}},
       0.5,
       {0.35, 0.65},
       {false, false}},
      {"three tiers", {{4, 4, 2}, {10, 10, 1}, {2, 2, 2}}, 0.0, {0.7, 0.14, 0.16}, {0, 0, 0}},
      {"both are short, and divide it by what they can take",
       {{10, 10, 1}, {10, 10, 3}},
       0.5,
       {0.25, 0.75},
       {true, true}},
      {"one of three", {{3, 3, 1}}, 0.5, {1}, {true}},
      {"one of three without panic", {{3, 3, 1}}, 0, {1}, {false}},
      {"exactly the threshold is no panic", {{2, 2, 1}}, 0.5, {1}, {false}},
      {"three of four with a threshold above", {{4, 4, 3}}, 0.8, {1}, {true}},
      {"who is drained is not unhealthy", {{3, 1, 1}}, 0.5, {1}, {false}},
      {"nobody is healthy", {{3, 3, 0}}, 0.5, {1}, {true}},
      {"nobody is healthy, and panic is off", {{3, 3, 0}}, 0, {0}, {false}},
      {"nobody is healthy in any", {{2, 2, 0}, {2, 2, 0}}, 0.5, {1, 0}, {true, false}},
      {"nobody is healthy, half are drained", {{2, 1, 0}, {2, 2, 0}}, 0.5, {0.7, 0.3}, {1, 1}},
      {"nobody is ready", {{3, 0, 0}}, 0.5, {0}, {false}},
      {"the first has nobody, the second half", {{2, 2, 0}, {2, 2, 1}}, 0.5, {0, 1}, {0, 0}},
      {"no tier", {}, 0.5, {}, {}},
  };
  for (const Row& row : rows) {
    const auto got = tier_shares(row.tiers, row.panic_threshold);
    ASSERT_EQ(got.size(), row.shares.size()) << row.name;
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_NEAR(got[i].share, row.shares[i], 1e-9) << row.name << ", tier " << i;
      EXPECT_EQ(got[i].panic, row.panics[i]) << row.name << ", tier " << i;
    }
  }
}

TEST(TierShares, AreTheWholeOrNothing) {
  std::mt19937 random(3);
  for (int round = 0; round < 10'000; ++round) {
    Tiers tiers(1 + random() % 4);
    std::uint32_t ready = 0;
    std::uint32_t healthy = 0;
    for (TierHealth& tier : tiers) {
      tier.listed = static_cast<std::uint32_t>(random() % 8);
      tier.ready = static_cast<std::uint32_t>(random() % (tier.listed + 1));
      tier.healthy = static_cast<std::uint32_t>(random() % (tier.ready + 1));
      ready += tier.ready;
      healthy += tier.healthy;
    }
    const double threshold = static_cast<double>(random() % 3) * 0.5;
    const auto got = tier_shares(tiers, threshold);
    double sum = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      sum += got[i].share;
      const std::uint32_t used = got[i].panic ? tiers[i].ready : tiers[i].healthy;
      ASSERT_TRUE(got[i].share == 0 || used != 0) << "traffic to a tier that cannot take any";
      ASSERT_GE(got[i].share, 0.0);
    }
    const bool any = healthy != 0 || (threshold != 0 && ready != 0);
    ASSERT_NEAR(sum, any ? 1 : 0, 1e-9);
  }
}

TEST(TierTurns, GiveEachItsShare) {
  const std::vector<TierShare> shares{{0.7, false}, {0.2, false}, {0.1, false}};
  for (unsigned worker = 0; worker < 3; ++worker) {
    TierTurns turns;
    turns.reset(shares, worker, 3);
    std::vector<int> counts(3);
    for (int n = 1; n <= 5000; ++n) {
      ++counts[turns.next(true)];
      for (std::size_t i = 0; i < counts.size(); ++i) {
        // Evenly all the way, not only in the end.
        ASSERT_NEAR(counts[i], shares[i].share * n, 4) << "after " << n;
      }
    }
  }
}

TEST(TierTurns, OneThatStaysIsTheNextOne) {
  TierTurns turns;
  turns.reset(std::vector<TierShare>{{0.5, false}, {0.5, false}}, 0, 1);
  for (int n = 0; n < 100; ++n) {
    const std::size_t seen = turns.next(false);
    ASSERT_EQ(turns.next(false), seen);
    ASSERT_EQ(turns.next(true), seen);
  }
}

TEST(TierTurns, CallersStayWithTheirTierAsLongAsSharesAllow) {
  TierTurns before;
  TierTurns after;
  before.reset(std::vector<TierShare>{{1, false}, {0, false}}, 0, 1);
  after.reset(std::vector<TierShare>{{0.7, false}, {0.3, false}}, 1, 2);
  std::mt19937 random(4);
  int moved = 0;
  for (int n = 0; n < 10'000; ++n) {
    const auto place = static_cast<std::uint32_t>(random());
    ASSERT_EQ(before.at_place(place), 0u);
    moved += after.at_place(place) == 1 ? 1 : 0;
  }
  EXPECT_NEAR(moved, 3000, 200);
}

TEST(TierTurns, WithoutSharesTheFirstIsTheAnswer) {
  TierTurns turns;
  EXPECT_EQ(turns.next(true), 0u);
  turns.reset(std::vector<TierShare>{{0, false}, {0, false}}, 0, 1);
  EXPECT_EQ(turns.next(true), 0u);
}

}  // namespace
}  // namespace weir::control
