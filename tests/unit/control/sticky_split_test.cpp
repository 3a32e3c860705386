#include "weir/control/sticky_split.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace weir::control {
namespace {

using Weights = std::vector<std::uint32_t>;

constexpr std::size_t asked = 1 << 14;
// Evenly over the line, so that shares can be counted.
StickySplit::Place place_of(std::size_t i) {
  return static_cast<StickySplit::Place>(i * ((std::uint64_t{1} << 32) / asked) + 12345);
}

std::vector<std::size_t> owners(const Weights& weights) {
  const StickySplit split(weights);
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < asked; ++i) out.push_back(split.pick(place_of(i)));
  return out;
}

double share(const Weights& weights, std::size_t i) {
  const auto sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  return static_cast<double>(weights[i]) / sum;
}

Weights random_weights(std::mt19937& random, std::size_t options) {
  Weights out;
  std::uint64_t sum = 0;
  while (sum == 0) {
    out.clear();
    for (std::size_t i = 0; i < options; ++i) {
      const std::uint64_t of[]{0, random() % 10, random() % 100, random() % 1'000'001};
      out.push_back(static_cast<std::uint32_t>(of[random() % 4]));
    }
    sum = std::accumulate(out.begin(), out.end(), std::uint64_t{0});
  }
  return out;
}

TEST(StickySplit, SharesAreTheWeights) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const Weights weights = random_weights(random, 1 + random() % 12);
    SCOPED_TRACE(testing::PrintToString(weights));
    std::vector<std::size_t> counts(weights.size(), 0);
    for (const std::size_t owner : owners(weights)) ++counts[owner];
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (weights[i] == 0) {
        ASSERT_EQ(counts[i], 0u);
      }
      // A part may be cut into pieces, each of which gains or loses one of the asked places.
      ASSERT_NEAR(static_cast<double>(counts[i]), share(weights, i) * asked,
                  2.0 * static_cast<double>(weights.size()) + 1);
    }
  }
}

TEST(StickySplit, TheEndsOfTheLineBelongToSomebodyWithAWeight) {
  for (const Weights& weights :
       {Weights{1, 0}, Weights{0, 1}, Weights{0, 1, 1}, Weights{0, 3, 3, 1}, Weights{0, 0, 1000000},
        Weights{1, 1, 1, 1, 1}, Weights{0, 7, 11, 13, 17, 19}}) {
    const StickySplit split(weights);
    for (const StickySplit::Place place : {0u, 1u, 0x7fff'ffffu, 0x8000'0000u, 0xffff'fffeu, ~0u}) {
      EXPECT_NE(weights[split.pick(place)], 0u) << testing::PrintToString(weights) << place;
    }
  }
  EXPECT_EQ(StickySplit(Weights{0, 0}).pick(77), 0u);
}

TEST(StickySplit, RaisingOneMovesCallersOnlyToIt) {
  const auto before = owners({90, 10});
  const auto after = owners({80, 20});
  std::size_t moved = 0;
  for (std::size_t i = 0; i < asked; ++i) {
    if (before[i] == after[i]) continue;
    ++moved;
    EXPECT_EQ(before[i], 0u);
    EXPECT_EQ(after[i], 1u);
  }
  EXPECT_NEAR(static_cast<double>(moved), 0.1 * asked, 2);
}

TEST(StickySplit, UpToThreeOptionsNobodyMovesNeedlessly) {
  std::mt19937 random(11);
  for (int round = 0; round < 500; ++round) {
    const std::size_t options = 2 + random() % 2;
    const Weights old = random_weights(random, options);
    Weights now = random_weights(random, options);
    if (random() % 2 == 0) {
      // One is raised at the first one's cost, the rest stays.
      now = old;
      const std::size_t raised = 1 + random() % (options - 1);
      const auto by = static_cast<std::uint32_t>(random() % (old[0] + 1));
      now[0] -= by;
      now[raised] += by;
    }
    SCOPED_TRACE(testing::PrintToString(old) + " to " + testing::PrintToString(now));
    const auto before = owners(old);
    const auto after = owners(now);
    double moved = 0;
    double least = 0;
    for (std::size_t i = 1; i < options; ++i) least += std::abs(share(now, i) - share(old, i));
    for (std::size_t i = 0; i < asked; ++i) {
      if (before[i] == after[i]) continue;
      ++moved;
      // With a first option of weight 0 one place in 2^32 is rounded; none of these.
      if (before[i] != 0) {
        ASSERT_LT(share(now, before[i]), share(old, before[i]));
      }
      if (after[i] != 0) {
        ASSERT_GT(share(now, after[i]), share(old, after[i]));
      }
    }
    ASSERT_LE(moved, least * asked + 4);
  }
}

TEST(StickySplit, ManyCanariesThatDoNotMeetMoveNobodyElse) {
  // Eight canaries of a few per cent each beside a stable one.
  std::mt19937 random(13);
  for (int round = 0; round < 200; ++round) {
    Weights old{0};
    std::uint32_t sum = 0;
    for (int i = 0; i < 8; ++i) {
      old.push_back(static_cast<std::uint32_t>(random() % 100));
      sum += old.back();
    }
    old[0] = 1000 - sum;
    Weights now = old;
    const std::size_t changed = 1 + random() % 8;
    now[changed] = static_cast<std::uint32_t>(random() % 100);
    now[0] += old[changed] - now[changed];
    SCOPED_TRACE(testing::PrintToString(old) + " to " + testing::PrintToString(now));
    const auto before = owners(old);
    const auto after = owners(now);
    for (std::size_t i = 0; i < asked; ++i) {
      if (before[i] == after[i]) continue;
      ASSERT_TRUE(before[i] == 0 || before[i] == changed);
      ASSERT_TRUE(after[i] == 0 || after[i] == changed);
    }
  }
}

TEST(StickySplit, TheSameEverywhere) {
  // Gateways of several versions must agree: these owners are for good.
  const StickySplit split(Weights{70, 20, 10});
  EXPECT_EQ(split.pick(0), 1u);
  EXPECT_EQ(split.pick(858'993'458), 1u);  // the last of a fifth
  EXPECT_EQ(split.pick(858'993'459), 0u);
  EXPECT_EQ(split.pick(3'865'470'567), 2u);
  EXPECT_EQ(split.pick(3'865'470'566), 0u);
  EXPECT_EQ(split.pick(~0u), 2u);
}

}  // namespace
}  // namespace weir::control
