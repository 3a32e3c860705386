#include "weir/control/load_balancer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace weir::control {
namespace {

using Weights = std::vector<std::uint32_t>;

constexpr auto everybody = [](std::size_t) { return true; };

// Smooth weighted round robin as it is told, without any of the short cuts.
class PlainRoundRobin {
 public:
  explicit PlainRoundRobin(const Weights& weights)
      : weights_(weights), credit_(weights.size(), 0) {}
  std::size_t pick(const std::vector<bool>& eligible) {
    std::size_t best = weights_.size();
    std::int64_t total = 0;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      if (!eligible[i] || weights_[i] == 0) continue;
      credit_[i] += weights_[i];
      total += weights_[i];
      if (best == weights_.size() || credit_[i] > credit_[best]) best = i;
    }
    if (best != weights_.size()) credit_[best] -= total;
    return best;
  }

 private:
  Weights weights_;
  std::vector<std::int64_t> credit_;
};

TEST(RoundRobin, IsThePlainModelForUnequalWeights) {
  std::mt19937 random(1);
  for (int round = 0; round < 100; ++round) {
    Weights weights(2 + random() % 8);
    for (auto& weight : weights) weight = static_cast<std::uint32_t>(random() % 10);
    weights[0] = 1;
    weights[1] = 2;
    RoundRobin balancer;
    balancer.reset(weights, 0, 4);
    PlainRoundRobin model(weights);
    for (int n = 0; n < 300; ++n) {
      std::vector<bool> eligible(weights.size());
      for (std::size_t i = 0; i < eligible.size(); ++i) eligible[i] = random() % 4 != 0;
      const std::size_t expected = model.pick(eligible);
      const auto got = balancer.pick([&](std::size_t i) { return eligible[i]; });
      ASSERT_EQ(got.value_or(weights.size()), expected);
    }
  }
}

TEST(RoundRobin, GivesEachItsWeightInEveryRoundWhateverTheOffset) {
  const Weights weights{5, 1, 0, 3};
  for (unsigned worker = 0; worker < 4; ++worker) {
    RoundRobin balancer;
    balancer.reset(weights, worker, 4);
    for (int round = 0; round < 10; ++round) {
      Weights counts(weights.size());
      for (int n = 0; n < 9; ++n) ++counts[*balancer.pick(everybody)];
      EXPECT_EQ(counts, weights) << "worker " << worker;
    }
  }
}

TEST(RoundRobin, WorkersDoNotBeginAtTheSame) {
  std::vector<std::size_t> first;
  for (unsigned worker = 0; worker < 4; ++worker) {
    RoundRobin balancer;
    balancer.reset(Weights{1, 1, 1, 1}, worker, 4);
    first.push_back(*balancer.pick(everybody));
  }
  std::ranges::sort(first);
  EXPECT_EQ(first, (std::vector<std::size_t>{0, 1, 2, 3}));
}

TEST(RoundRobin, SkipsWhoIsNotEligible) {
  RoundRobin balancer;
  balancer.reset(Weights{1, 1, 1}, 0, 1);
  Weights counts(3);
  for (int n = 0; n < 30; ++n) ++counts[*balancer.pick([](std::size_t i) { return i != 1; })];
  EXPECT_EQ(counts, (Weights{15, 0, 15}));
  EXPECT_FALSE(balancer.pick([](std::size_t) { return false; }));
}

TEST(RoundRobin, OfNobodyIsNobody) {
  RoundRobin balancer;
  balancer.reset(Weights{}, 0, 1);
  EXPECT_FALSE(balancer.pick(everybody));
  balancer.reset(Weights{0, 0}, 1, 2);
  EXPECT_FALSE(balancer.pick(everybody));
}

TEST(RoundRobin, APickWhoseTurnStaysChangesNothing) {
  for (const Weights& weights : {Weights{1, 1, 1}, Weights{3, 1, 2}, Weights{1, 1}}) {
    RoundRobin balancer;
    RoundRobin twin;
    balancer.reset(weights, 0, 1);
    twin.reset(weights, 0, 1);
    for (int n = 0; n < 50; ++n) {
      const auto seen = balancer.pick(everybody, Turn::stays);
      ASSERT_NE(balancer.pick([&](std::size_t i) { return i != *seen; }, Turn::stays), seen);
      ASSERT_EQ(balancer.pick(everybody), seen);
      ASSERT_EQ(twin.pick(everybody), seen);
    }
  }
}

TEST(RoundRobin, ChangesKeepTheTurn) {
  struct Row {
    const char* name;
    Weights weights;
    int picks;
    Weights changed;
    std::vector<std::size_t> before;
    std::vector<std::size_t> expected;
  };
  const Row rows[] = {
      {"nothing changed", {1, 1, 1}, 1, {1, 1, 1}, {0, 1, 2}, {1, 2, 0}},
      {"one came in front", {1, 1, 1}, 1, {1, 1, 1, 1}, {is_new, 0, 1, 2}, {2, 3, 0}},
      {"the next one went", {1, 1, 1}, 1, {1, 1}, {0, 2}, {1, 0, 1}},
      {"one that was served went", {1, 1, 1}, 2, {1, 1}, {1, 2}, {1, 0, 1}},
      {"another order", {1, 1, 1}, 1, {1, 1, 1}, {2, 1, 0}, {1, 2, 0}},
      // 3 and 1 give 0 0 1 0; two of them are out.
      {"unequal weights", {3, 1}, 2, {3, 1}, {0, 1}, {1, 0}},
      {"unequal weights in another order", {3, 1}, 2, {1, 3}, {1, 0}, {0, 1}},
      {"from equal to unequal", {1, 1}, 1, {2, 1}, {0, 1}, {1}},
      {"from unequal to equal", {3, 1}, 2, {1, 1}, {0, 1}, {1, 0}},
  };
  for (const Row& row : rows) {
    RoundRobin balancer;
    balancer.reset(row.weights, 0, 1);
    for (int n = 0; n < row.picks; ++n) (void)balancer.pick(everybody);
    balancer.change(row.changed, row.before);
    for (const std::size_t expected : row.expected) {
      ASSERT_EQ(balancer.pick(everybody), expected) << row.name;
    }
  }
}

TEST(RoundRobin, FrequentChangesFavourNobody) {
  RoundRobin balancer;
  balancer.reset(Weights{1, 1, 1, 1}, 1, 4);
  Weights counts(4);
  const std::vector<std::size_t> all{0, 1, 2, 3};
  for (int n = 0; n < 400; ++n) {
    ++counts[*balancer.pick(everybody)];
    balancer.change(Weights{1, 1, 1, 1}, all);
  }
  EXPECT_EQ(counts, (Weights{100, 100, 100, 100}));
}

TEST(RoundRobin, WeightsThatGrowLeaveNobodyBehind) {
  RoundRobin balancer;
  balancer.reset(Weights{1, 1, 1}, 0, 1);
  const std::vector<std::size_t> all{0, 1, 2};
  // As slow_start has them: in percent while one grows, then as they are.
  for (std::uint32_t percent = 10; percent < 100; percent += 9) {
    balancer.change(Weights{100, 100, percent}, all);
    Weights counts(3);
    for (std::uint32_t n = 0; n < 200 + percent; ++n) ++counts[*balancer.pick(everybody)];
    EXPECT_NEAR(counts[0], 100, 3) << percent;
    EXPECT_NEAR(counts[2], percent, 3) << percent;
  }
  balancer.change(Weights{3, 1, 2}, all);
  Weights counts(3);
  for (int n = 0; n < 60; ++n) ++counts[*balancer.pick(everybody)];
  EXPECT_NEAR(counts[0], 30, 3);
  EXPECT_NEAR(counts[1], 10, 3);
}

TEST(LeastRequests, TakesTheLowestLoadPerWeight) {
  struct Row {
    const char* name;
    Weights weights;
    std::vector<std::uint64_t> loads;
    std::size_t expected;
  };
  const Row rows[] = {
      {"the idle one", {1, 1, 1}, {2, 0, 1}, 1},
      {"by weight", {4, 1}, {3, 1}, 0},
      {"heavier but fuller", {4, 1}, {5, 1}, 1},
      {"never weight zero", {0, 1}, {0, 9}, 1},
  };
  for (const Row& row : rows) {
    LeastRequests balancer;
    balancer.reset(row.weights, 0, 1);
    EXPECT_EQ(balancer.pick(everybody, [&](std::size_t i) { return row.loads[i]; }), row.expected)
        << row.name;
  }
}

TEST(LeastRequests, TiesTakeTurnsByWeight) {
  LeastRequests balancer;
  balancer.reset(Weights{3, 1}, 0, 1);
  Weights counts(2);
  for (int n = 0; n < 400; ++n) ++counts[*balancer.pick(everybody, [](std::size_t) { return 0; })];
  EXPECT_EQ(counts, (Weights{300, 100}));
}

TEST(LeastRequests, UnderLoadFillsByWeight) {
  const Weights weights{3, 1, 2};
  LeastRequests balancer;
  balancer.reset(weights, 0, 1);
  std::vector<std::uint64_t> loads(3);
  for (int n = 0; n < 600; ++n) {
    ++loads[*balancer.pick(everybody, [&](std::size_t i) { return loads[i]; })];
  }
  EXPECT_EQ(loads, (std::vector<std::uint64_t>{300, 100, 200}));
}

TEST(RandomTwo, DrawsByWeight) {
  const Weights weights{6, 3, 1, 0};
  RandomTwo balancer;
  balancer.reset(weights, 99);
  std::vector<int> counts(4);
  constexpr int picks = 100'000;
  // With equal loads per weight the first draw stands.
  for (int n = 0; n < picks; ++n) {
    ++counts[*balancer.pick(everybody, [](std::size_t) { return 0; })];
  }
  for (std::size_t i = 0; i < 4; ++i) {
    const double p = weights[i] / 10.0;
    EXPECT_NEAR(counts[i], picks * p, 4 * std::sqrt(picks * p * (1 - p)) + 1e-9) << i;
  }
}

TEST(RandomTwo, NeverTakesTheFullestOfAll) {
  RandomTwo balancer;
  balancer.reset(Weights{1, 1, 1, 1}, 5);
  for (int n = 0; n < 10'000; ++n) {
    EXPECT_NE(balancer.pick(everybody, [](std::size_t i) { return i; }), 3u);
  }
}

TEST(RandomTwo, FindsTheOnlyEligibleOne) {
  Weights weights(50, 1);
  RandomTwo balancer;
  balancer.reset(weights, 3);
  for (int n = 0; n < 1000; ++n) {
    EXPECT_EQ(balancer.pick([](std::size_t i) { return i == 31; }, [](std::size_t) { return 0; }),
              31u);
  }
  EXPECT_FALSE(balancer.pick([](std::size_t) { return false; }, [](std::size_t) { return 0; }));
}

TEST(RandomTwo, OfOneIsThatOne) {
  RandomTwo balancer;
  balancer.reset(Weights{4}, 3);
  EXPECT_EQ(balancer.pick(everybody, [](std::size_t) { return 0; }), 0u);
}

}  // namespace
}  // namespace weir::control
