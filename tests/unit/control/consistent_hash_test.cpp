#include "weir/control/consistent_hash.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace weir::control {
namespace {

using Weights = std::vector<std::uint32_t>;

constexpr auto every_endpoint = [](std::size_t) { return true; };
constexpr auto without_load = [](std::size_t) { return std::uint64_t{0}; };

std::vector<std::uint64_t> endpoint_ids(std::size_t count) {
  std::vector<std::uint64_t> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(ConsistentHash::id_of("10.0.0." + std::to_string(i + 1) + ":8080"));
  }
  return out;
}

ConsistentHash hash_of(const Weights& weights) {
  ConsistentHash out;
  out.reset(weights, endpoint_ids(weights.size()));
  return out;
}

std::vector<std::uint64_t> hash_keys(std::size_t count) {
  std::mt19937_64 random(7);
  std::vector<std::uint64_t> out(count);
  for (std::uint64_t& key : out) key = random();
  return out;
}

// How far counts are from what is expected, in the measure of Pearson.
double chi_square(const std::vector<int>& counts, const Weights& weights) {
  const double picks = std::accumulate(counts.begin(), counts.end(), 0.0);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  double out = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (weights[i] == 0) continue;
    const double expected = picks * weights[i] / sum;
    out += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return out;
}

TEST(ConsistentHash, GivesEachItsShareOfTheKeys) {
  struct Row {
    const char* name;
    Weights weights;
  };
  const Row rows[] = {
      {"two", {1, 1}},
      {"three", {1, 1, 1}},
      {"unequal ones", {1, 2, 3, 4}},
      {"one without weight", {5, 0, 5, 1}},
      {"far apart", {1000, 1, 100}},
      {"thirty", Weights(30, 1)},
  };
  for (const Row& row : rows) {
    const ConsistentHash table = hash_of(row.weights);
    std::vector<int> counts(row.weights.size());
    for (const std::uint64_t key : hash_keys(100'000))
      ++counts[*table.pick(key, 0, every_endpoint, without_load)];
    double freedom = -1;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      EXPECT_TRUE(row.weights[i] != 0 || counts[i] == 0) << row.name;
      freedom += row.weights[i] != 0 ? 1 : 0;
    }
    // Far above its mean: once in thousands of fair tables.
    EXPECT_LT(chi_square(counts, row.weights), freedom + 10 + 4 * std::sqrt(2 * freedom))
        << row.name;
  }
}

// Keys that are one after the other, as numbers of customers are.
TEST(ConsistentHash, SpreadsKeysThatDifferLittle) {
  const Weights weights{1, 1, 1, 1, 1};
  const ConsistentHash table = hash_of(weights);
  std::vector<int> counts(weights.size());
  for (std::uint64_t key = 0; key < 50'000; ++key)
    ++counts[*table.pick(key, 0, every_endpoint, without_load)];
  EXPECT_LT(chi_square(counts, weights), 4 + 10 + 4 * std::sqrt(8.0));
}

TEST(ConsistentHash, OneThatComesOrGoesMovesItsOwnKeysAlone) {
  for (const Weights& weights : {Weights(4, 1), Weights(20, 7), Weights{1, 2, 3, 4}}) {
    const ConsistentHash table = hash_of(weights);
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (std::size_t gone = 0; gone < weights.size(); gone += 3) {
      Weights fewer = weights;
      fewer[gone] = 0;
      const ConsistentHash without = hash_of(fewer);
      const auto keys = hash_keys(20'000);
      int moved = 0;
      std::vector<int> to(weights.size());
      for (const std::uint64_t key : keys) {
        const std::size_t before = *table.pick(key, 0, every_endpoint, without_load);
        const std::size_t after = *without.pick(key, 0, every_endpoint, without_load);
        // Not eligible is the same as gone.
        ASSERT_EQ(
            table.pick(key, 0, [&](std::size_t i) { return i != gone; }, without_load), after);
        if (before == after) continue;
        ASSERT_EQ(before, gone);
        ++moved;
        ++to[after];
      }
      const double part = weights[gone] / sum;
      const double expected = 20'000 * part;
      EXPECT_NEAR(moved, expected, 5 * std::sqrt(expected * (1 - part)));
      // They go to all others, by weight.
      EXPECT_LT(chi_square(to, fewer), static_cast<double>(weights.size()) + 30);
    }
  }
}

TEST(ConsistentHash, AWeightThatGrowsTakesKeysAndGivesNone) {
  const Weights before{100, 100, 10};
  const Weights after{100, 100, 60};
  const ConsistentHash table = hash_of(before);
  const ConsistentHash grown = hash_of(after);
  for (const std::uint64_t key : hash_keys(20'000)) {
    const std::size_t was = *table.pick(key, 0, every_endpoint, without_load);
    const std::size_t is = *grown.pick(key, 0, every_endpoint, without_load);
    ASSERT_TRUE(was == is || is == 2);
  }
}

TEST(ConsistentHash, TheOrderOfTheListDoesNotMatter) {
  const auto ids = endpoint_ids(5);
  ConsistentHash table;
  table.reset(Weights{1, 2, 3, 4, 5}, ids);
  ConsistentHash reversed;
  reversed.reset(Weights{5, 4, 3, 2, 1}, std::vector<std::uint64_t>(ids.rbegin(), ids.rend()));
  for (const std::uint64_t key : hash_keys(1000)) {
    ASSERT_EQ(*table.pick(key, 0, every_endpoint, without_load),
              4 - *reversed.pick(key, 0, every_endpoint, without_load));
  }
}

TEST(ConsistentHash, OfNobodyIsNobody) {
  EXPECT_FALSE(hash_of({}).pick(1, 1.25, every_endpoint, without_load));
  EXPECT_FALSE(hash_of({0, 0}).pick(1, 1.25, every_endpoint, without_load));
  EXPECT_FALSE(hash_of({1, 1}).pick(1, 1.25, [](std::size_t) { return false; }, without_load));
}

// The rule as it is told: sorted by score, the first below its bound.
std::size_t modelled_hash(const ConsistentHash& table, const Weights& weights, std::uint64_t key,
                          double bounded_load, const std::vector<bool>& eligible,
                          const std::vector<std::uint64_t>& loads) {
  std::vector<std::size_t> order;
  double requests = 1;
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0 || !eligible[i]) continue;
    order.push_back(i);
    requests += static_cast<double>(loads[i]);
    sum += weights[i];
  }
  if (order.empty()) return weights.size();
  std::ranges::sort(order, {}, [&](std::size_t i) { return table.score(key, i); });
  if (bounded_load == 0) return order.front();
  for (const std::size_t i : order) {
    const double most = std::max(8.0, std::ceil(bounded_load * requests / sum * weights[i]));
    if (static_cast<double>(loads[i]) < most) return i;
  }
  return weights.size() + 1;
}

TEST(ConsistentHash, IsTheModelUnderRandomLoad) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    Weights weights(1 + random() % 8);
    for (auto& weight : weights) weight = static_cast<std::uint32_t>(random() % 5);
    const ConsistentHash table = hash_of(weights);
    const double bounded_load = std::vector<double>{0, 1.01, 1.25, 2}[random() % 4];
    std::vector<std::uint64_t> loads(weights.size());
    std::vector<std::size_t> running;
    // A few callers send nearly everything.
    for (int step = 0; step < 400; ++step) {
      if (!running.empty() && random() % 3 == 0) {
        const std::size_t which = random() % running.size();
        --loads[running[which]];
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(which));
        continue;
      }
      std::vector<bool> eligible(weights.size());
      for (std::size_t i = 0; i < eligible.size(); ++i) eligible[i] = random() % 8 != 0;
      const std::uint64_t key = random() % 3 * 77;
      const std::size_t expected =
          modelled_hash(table, weights, key, bounded_load, eligible, loads);
      const auto got = table.pick(
          key, bounded_load, [&](std::size_t i) { return eligible[i]; },
          [&](std::size_t i) { return loads[i]; });
      ASSERT_EQ(got.value_or(weights.size()), expected);
      ASSERT_LE(expected, weights.size()) << "somebody has room";
      if (!got) continue;
      ++loads[*got];
      running.push_back(*got);
    }
  }
}

TEST(ConsistentHash, OneCallerCannotFillItsEndpoint) {
  const ConsistentHash table = hash_of({1, 1, 1, 1});
  std::vector<std::uint64_t> loads(4);
  for (int n = 0; n < 400; ++n) {
    ++loads[*table.pick(5, 1.25, every_endpoint, [&](std::size_t i) { return loads[i]; })];
  }
  EXPECT_LE(std::ranges::max(loads), 125u);
  std::ranges::sort(loads);
  EXPECT_GT(loads[3], 120u) << "what has room keeps its caller";
}

}  // namespace
}  // namespace weir::control
