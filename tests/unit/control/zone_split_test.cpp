#include "weir/control/zone_split.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "weir/control/tiers.hpp"

namespace weir::control {
namespace {

using Zones = std::vector<double>;

TEST(LocalZoneShare, IsWhatTheZoneCanTake) {
  struct Row {
    const char* name;
    Zones weights;
    std::size_t local;
    double share;
  };
  const Row rows[] = {
      {"three alike", {2, 2, 2}, 0, 1},
      {"one of three that is no exact part", {1, 1, 1}, 2, 1},
      {"a larger one", {4, 2, 2}, 0, 1},
      {"half of it is gone", {1, 2, 2}, 0, 0.6},
      {"a smaller one of two", {1, 3}, 0, 0.5},
      {"by weight, not by number", {10, 30, 40}, 1, 1},
      {"another zone is gone", {2, 0, 2}, 0, 1},
      {"another zone is gone, and half of this one", {1, 0, 2}, 0, 2.0 / 3},
      {"it alone is left", {1, 0, 0}, 0, 1},
      {"it is gone", {0, 2, 2}, 0, 0},
      {"nobody is left", {0, 0}, 0, 0},
      {"the only one", {7}, 0, 1},
      {"it is none of them", {1, 1}, 2, 0},
      {"no zones", {}, 0, 0},
  };
  for (const Row& row : rows) {
    EXPECT_DOUBLE_EQ(local_zone_share(row.weights, row.local), row.share) << row.name;
  }
}

// Gateways in each zone that has endpoints, with as many clients each: every endpoint gets what its
// weight is of all, unless zones are so large that their own traffic does not fill them.
TEST(LocalZoneShare, LetsNoZoneHaveMoreThanItsPart) {
  std::mt19937 random(8);
  for (int round = 0; round < 2000; ++round) {
    Zones zones(2 + random() % 4);
    for (double& each : zones) each = static_cast<double>(random() % 5);
    const double all = std::accumulate(zones.begin(), zones.end(), 0.0);
    const auto used = std::ranges::count_if(zones, [](double each) { return each > 0; });
    if (used == 0) continue;
    for (std::size_t local = 0; local < zones.size(); ++local) {
      const double share = local_zone_share(zones, local);
      ASSERT_GE(share, 0.0);
      ASSERT_LE(share, 1.0);
      ASSERT_EQ(share > 0, zones[local] > 0);
      // Its own traffic, 1 of `used` parts, of which it keeps `share`.
      ASSERT_LE(share / static_cast<double>(used), zones[local] / all + 1e-12);
      // And it keeps all that it could take.
      ASSERT_TRUE(share == 1 ||
                  std::abs(share / static_cast<double>(used) - zones[local] / all) < 1e-12);
    }
  }
}

// Turns by it, as balancers take them.
TEST(LocalZoneShare, IsKeptAllTheWay) {
  const double share = local_zone_share(Zones{1, 2, 2}, 0);
  TierTurns turns;
  turns.reset(std::vector<TierShare>{{.share = share}, {.share = 1 - share}}, 0, 1);
  int local = 0;
  for (int n = 1; n <= 10'000; ++n) {
    if (turns.next(true) == 0) ++local;
    ASSERT_NEAR(local, share * n, 4) << n;
  }
}

}  // namespace
}  // namespace weir::control
