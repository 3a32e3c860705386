#include "weir/control/weighted_split.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

namespace weir::control {
namespace {

struct Row {
  const char* name;
  std::vector<std::uint32_t> weights;
};

const Row rows[] = {
    {"one option", {7}},
    {"canary of one percent", {99, 1}},
    {"halves", {50, 50}},
    {"a weight of zero", {3, 0, 1}},
    {"zero first", {0, 1, 2}},
    {"many small beside a big one", {90, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {"nothing in common", {7, 11, 13, 17}},
    {"large", {4'000'000'000, 200'000'000}},
    {"ten percent in thousandths", {900, 100}},
};

// The plain model: after n picks an option has had n*w/W, rounded one way or the other.
void expect_exact(const std::vector<std::uint32_t>& weights, int picks, const char* name) {
  WeightedSplit split(weights);
  const auto total =
      static_cast<double>(std::accumulate(weights.begin(), weights.end(), std::uint64_t{0}));
  std::vector<std::uint64_t> counts(weights.size());
  for (int n = 1; n <= picks; ++n) {
    ++counts[split.pick()];
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double share = n * static_cast<double>(weights[i]) / total;
      ASSERT_LT(std::abs(static_cast<double>(counts[i]) - share), 1.0 + 1e-6)
          << name << ": option " << i << " after " << n;
    }
  }
}

TEST(WeightedSplit, IsNeverAWholePickAwayFromTheShare) {
  for (const Row& row : rows) expect_exact(row.weights, 5000, row.name);
}

TEST(WeightedSplit, IsExactForRandomWeights) {
  std::mt19937 random(42);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::uint32_t> weights(1 + random() % 12);
    for (auto& weight : weights) {
      weight = static_cast<std::uint32_t>(random() % (random() % 3 == 0 ? 3 : 1000));
    }
    weights[0] += 1;
    expect_exact(weights, 2000, "random");
  }
}

TEST(WeightedSplit, NeverPicksWeightZero) {
  WeightedSplit split(std::vector<std::uint32_t>{5, 0, 5});
  for (int n = 0; n < 1000; ++n) EXPECT_NE(split.pick(), 1u);
}

TEST(WeightedSplit, OfWorkersTogetherStaysWithinTheirNumber) {
  constexpr int workers = 4;
  const std::vector<std::uint32_t> weights{97, 2, 1};
  std::vector<WeightedSplit> splits(workers, WeightedSplit(weights));
  std::mt19937 random(7);
  std::vector<int> counts(weights.size());
  for (int n = 1; n <= 20'000; ++n) {
    ++counts[splits[random() % workers].pick()];
    for (std::size_t i = 0; i < weights.size(); ++i) {
      ASSERT_LT(std::abs(counts[i] - n * weights[i] / 100.0), workers);
    }
  }
}

TEST(WeightedSplit, WithoutAnyWeightPicksTheFirst) {
  WeightedSplit split(std::vector<std::uint32_t>{0, 0});
  EXPECT_EQ(split.pick(), 0u);
  EXPECT_EQ(split.pick(), 0u);
}

}  // namespace
}  // namespace weir::control
