#include "weir/control/split_override.hpp"

#include <gtest/gtest.h>

namespace weir::control {
namespace {

TEST(SplitOverrides, WithoutOneTheFileRules) {
  const SplitOverrides overrides;
  EXPECT_EQ(overrides.effective("shop", {90, 10}), (SplitWeights{90, 10}));
  EXPECT_EQ(overrides.generation(), 0u);
}

TEST(SplitOverrides, HoldsForItsRouteUntilTheFilesWeightsChange) {
  SplitOverrides overrides;
  overrides.set("shop", {90, 10}, {50, 50});
  struct Row {
    const char* name;
    const char* route;
    SplitWeights configured;
    SplitWeights effective;
  };
  const Row rows[] = {
      {"its route", "shop", {90, 10}, {50, 50}},
      {"another route", "shop2", {90, 10}, {90, 10}},
      {"a route of another case", "Shop", {90, 10}, {90, 10}},
      {"the file says something new", "shop", {80, 20}, {80, 20}},
      {"the file has one more share", "shop", {90, 10, 0}, {90, 10, 0}},
      {"the file swapped them", "shop", {10, 90}, {10, 90}},
      {"the file is back", "shop", {90, 10}, {50, 50}},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(overrides.effective(row.route, row.configured), row.effective) << row.name;
  }
}

TEST(SplitOverrides, WhatIsNotRetainedDoesNotComeBack) {
  SplitOverrides overrides;
  overrides.set("shop", {90, 10}, {50, 50});
  overrides.set("other", {90, 10}, {1, 2});
  const std::uint64_t before = overrides.generation();
  overrides.retain([](std::string_view) { return true; });
  EXPECT_EQ(overrides.generation(), before);
  overrides.retain([](std::string_view route) { return route != "shop"; });
  EXPECT_NE(overrides.generation(), before);
  EXPECT_EQ(overrides.effective("shop", {90, 10}), (SplitWeights{90, 10}));
  EXPECT_EQ(overrides.effective("other", {90, 10}), (SplitWeights{1, 2}));
}

TEST(SplitOverrides, WhatIsTakenBackIsTheFilesAgain) {
  SplitOverrides overrides;
  EXPECT_FALSE(overrides.clear("shop"));
  EXPECT_EQ(overrides.generation(), 0u);
  overrides.set("shop", {90, 10}, {50, 50});
  EXPECT_EQ(overrides.find("shop", {90, 10}), (SplitWeights{50, 50}));
  EXPECT_EQ(overrides.find("shop", {80, 20}), std::nullopt);
  EXPECT_EQ(overrides.find("other", {90, 10}), std::nullopt);
  const std::uint64_t before = overrides.generation();
  EXPECT_TRUE(overrides.clear("shop"));
  EXPECT_NE(overrides.generation(), before);
  EXPECT_EQ(overrides.find("shop", {90, 10}), std::nullopt);
  EXPECT_EQ(overrides.effective("shop", {90, 10}), (SplitWeights{90, 10}));
}

TEST(SplitOverrides, TheLastOneCountsAndIsNoticed) {
  SplitOverrides overrides;
  overrides.set("shop", {90, 10}, {50, 50});
  const std::uint64_t before = overrides.generation();
  overrides.set("shop", {90, 10}, {0, 1});
  EXPECT_NE(overrides.generation(), before);
  EXPECT_EQ(overrides.effective("shop", {90, 10}), (SplitWeights{0, 1}));
  // One that an operator set to the file's own weights is an override too.
  overrides.set("shop", {90, 10}, {90, 10});
  EXPECT_EQ(overrides.effective("shop", {90, 10}), (SplitWeights{90, 10}));
}

}  // namespace
}  // namespace weir::control
