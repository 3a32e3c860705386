// Zones: where a cluster's requests go.
#include <gmock/gmock.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "upstream/zones_case.hpp"
#include "weir/telemetry/upstream_metrics.hpp"

namespace weir::upstream {
namespace {

using config::LoadBalancing;

// What random_two does with its endpoints is random, the zones' parts are not.
TEST_F(ZonesTest, TheGatewaysZoneTakesWhatItCan) {
  for (const LoadBalancing policy : zone_policies) {
    SCOPED_TRACE(config::name(policy));
    serve_zones({"a", "a", "b", "c"}, policy);
    Counts got = spread(40);
    EXPECT_EQ(got["0"] + got["1"], 40);
    EXPECT_EQ(share_of("a"), 1);
    // One of two is left here, and is a third of what is in use.
    set_state(0, EndpointState::drain);
    got = spread(300);
    EXPECT_EQ(got["1"], 300) << "as large as the others";
    set_state(3, EndpointState::drain);
    upstream_.endpoints[2].weight = 3;
    cluster_->apply(upstream_);
    got = spread(300);
    EXPECT_NEAR(got["1"], 150, 4) << "two zones, and 1 of 4";
    EXPECT_NEAR(got["2"], 150, 4);
    EXPECT_DOUBLE_EQ(share_of("a"), 0.5);
    EXPECT_DOUBLE_EQ(share_of("b"), 0.5);
    EXPECT_EQ(share_of("c"), 0);
  }
}

TEST_F(ZonesTest, WithoutAZoneOfItsOwnAllIsByWeight) {
  struct Row {
    const char* name;
    bool zone_aware;
    std::string local;
    std::vector<std::string> zones;
  };
  const Row rows[] = {
      {"it is off", false, "a", {"a", "a", "b", "c"}},
      {"where the gateway is is not known", true, "", {"a", "a", "", "c"}},
      {"nobody is there", true, "d", {"a", "a", "b", "c"}},
      {"all are there", true, "a", {"a", "a", "a", "a"}},
      {"nobody says where", true, "a", {"", "", "", ""}},
  };
  for (const Row& row : rows) {
    serve_zones(row.zones);
    upstream_.load_balancer.zone_aware = row.zone_aware;
    upstream_.load_balancer.local_zone = row.local;
    make();
    expect_spread({0.25, 0.25, 0.25, 0.25}, row.name);
  }
}

TEST_F(ZonesTest, ThoseWithoutAZoneAreOne) {
  serve_zones({"a", "", "", ""});
  expect_spread({0.5, 1.0 / 6, 1.0 / 6, 1.0 / 6}, "two zones, and 1 of 4");
  EXPECT_DOUBLE_EQ(share_of(""), 0.5);
}

TEST_F(ZonesTest, AZoneThatIsLostCostsNoRequest) {
  for (const LoadBalancing policy : zone_policies) {
    SCOPED_TRACE(config::name(policy));
    Refusing first;
    Refusing second;
    serve_zones({"a", "a", "b", "b"}, policy);
    upstream_.endpoints[0].address = first.text();
    upstream_.endpoints[1].address = second.text();
    make();
    Counts got = spread(40);
    EXPECT_EQ(got["2"] + got["3"], 40);
    EXPECT_NEAR(got["2"], 20, policy == LoadBalancing::random_two ? 15 : 2);
  }
}

// Nobody else knows of it: workers look once a second.
TEST_F(ZonesTest, AnEndpointThatRefusesIsNoPartOfWhatItsZoneCanTake) {
  Refusing dead;
  serve_zones({"a", "a", "b", "b"});
  upstream_.endpoints[0].address = dead.text();
  make();
  (void)spread(4);
  run([&]() -> Task<> {
    const TimePoint later = loop().now() + 1100ms;
    co_await until(loop(), [&] { return loop().now() > later; });
  });
  expect_spread({0, 2.0 / 3, 1.0 / 6, 1.0 / 6}, "two zones, and 1 of 3");
  EXPECT_DOUBLE_EQ(share_of("a"), 2.0 / 3);
}

TEST_F(ZonesTest, ALostZoneIsLeftByItsHealthToo) {
  serve_zones({"a", "a", "b", "b"});
  set_health(0, false);
  set_health(1, false);
  upstream_.load_balancer.panic_threshold = 0;
  cluster_->apply(upstream_);
  expect_spread({0, 0, 0.5, 0.5}, "out by their health");
  EXPECT_EQ(share_of("a"), 0);
  set_health(0, true);
  expect_spread({2.0 / 3, 0, 1.0 / 6, 1.0 / 6}, "one is back");
  // Where health is ignored, all are in use.
  set_health(0, false);
  set_health(2, false);
  upstream_.load_balancer.panic_threshold = 0.5;
  cluster_->apply(upstream_);
  EXPECT_TRUE(cluster_->describe().panic);
  expect_spread({0.5, 0.5, 0, 0}, "panic");
}

TEST_F(ZonesTest, AZoneThatIsFullSpillsBeforeARequestWaits) {
  serve_zones({"a", "b"});
  upstream_.pool.in_flight = 1;
  make();
  run([&]() -> Task<> {
    auto first = co_await lease_of(*cluster_, loop());
    auto second = co_await lease_of(*cluster_, loop());
    EXPECT_TRUE(first && second);
    if (!first || !second) co_return;
    EXPECT_EQ(first->endpoint().address(), address(0));
    EXPECT_EQ(second->endpoint().address(), address(1));
  });
}

TEST_F(ZonesTest, TiersComeFirst) {
  serve_zones({"b", "a", "a", "b"});
  upstream_.endpoints[2].priority = 1;
  upstream_.endpoints[3].priority = 1;
  make();
  expect_spread({0, 1, 0, 0}, "the first tier, and of it the zone");
  set_state(1, EndpointState::drain);
  // Half of the first tier is left: 70 %, and of the second its zone.
  expect_spread({0.7, 0, 0.3, 0}, "what spills stays in the zone");
  EXPECT_NEAR(share_of("a"), 0.3, 1e-9);
  EXPECT_NEAR(share_of("b"), 0.7, 1e-9);
}

TEST_F(ZonesTest, AWeightThatGrowsCountsAsItIs) {
  serve_zones({"a", "b"});
  upstream_.load_balancer.slow_start = 1h;
  make();
  (void)spread(1);
  set_state(0, EndpointState::down);
  (void)spread(1);
  set_state(0, EndpointState::ready);
  // A tenth of one: 2 * 0.1 / 1.1.
  expect_spread({2.0 / 11, 9.0 / 11}, "one that starts slowly");
}

TEST_F(ZonesTest, AHashTakesNoNoticeOfZones) {
  serve_zones({"a", "b", "b", "b"}, LoadBalancing::hash);
  Counts got;
  for (std::uint64_t n = 0; n < 64; ++n) {
    for (const auto& [where, count] : spread(1, {.key = n * 0x9e3779b97f4a7c15}))
      got[where] += count;
  }
  EXPECT_EQ(got.size(), 4u);
}

// Of a zone's endpoints each is drawn by its weight: chi-square with two degrees of freedom.
TEST_F(ZonesTest, WithinAZoneWeightsDecide) {
  serve_zones({"a", "a", "a", "b"}, LoadBalancing::random_two);
  for (std::uint32_t i = 0; i < 3; ++i) upstream_.endpoints[i].weight = i + 1;
  make();
  constexpr int requests = 3000;
  Counts got = spread(requests);
  EXPECT_EQ(got["3"], 0);
  double chi_square = 0;
  for (int i = 0; i < 3; ++i) {
    const double expected = requests * (i + 1) / 6.0;
    chi_square += std::pow(got[std::to_string(i)] - expected, 2) / expected;
  }
  EXPECT_LT(chi_square, 18.4) << "one of ten thousand is beyond";
}

TEST_F(ZonesTest, AReloadMovesEndpointsAndTheGateway) {
  serve_zones({"a", "a", "b", "b"});
  expect_spread({0.5, 0.5, 0, 0}, "before");
  upstream_.endpoints[1].zone = "b";
  upstream_.endpoints[2].zone = "a";
  cluster_->apply(upstream_);
  expect_spread({0.5, 0, 0.5, 0}, "endpoints that moved");
  upstream_.load_balancer.local_zone = "b";
  cluster_->apply(upstream_);
  expect_spread({0, 0.5, 0, 0.5}, "a gateway that moved");
  upstream_.load_balancer.zone_aware = false;
  cluster_->apply(upstream_);
  expect_spread({0.25, 0.25, 0.25, 0.25}, "off");
}

// Whatever happens, parts are as the rule has them, and changes that come often favour nobody.
TEST_F(ZonesTest, DoAsAModelOfThemDoes) {
  std::mt19937 random(12);
  for (int round = 0; round < 6; ++round) {
    std::vector<std::string> zones;
    for (int i = 0; i < 4; ++i) zones.emplace_back(1, "abc"[random() % 3]);
    serve_zones(zones);
    upstream_.load_balancer.panic_threshold = 0;
    make();
    std::vector<bool> drained(4, false);
    std::vector<bool> healthy(4, true);
    std::vector<std::uint32_t> weights(4, 1);
    for (int n = 0; n < 12; ++n) {
      const std::size_t i = random() % 4;
      switch (random() % 3) {
        case 0:
          drained[i] = !drained[i];
          set_state(i, drained[i] ? EndpointState::drain : EndpointState::ready);
          break;
        case 1:
          healthy[i] = !healthy[i];
          set_health(i, healthy[i]);
          break;
        default:
          weights[i] = 1 + static_cast<std::uint32_t>(random() % 3);
          cluster_->set_endpoint(address(i), {}, weights[i]);
      }
      std::map<std::string, double> sums;
      double all = 0;
      for (std::size_t at = 0; at < 4; ++at) {
        if (drained[at] || !healthy[at]) continue;
        sums[zones[at]] += weights[at];
        all += weights[at];
      }
      if (all == 0) {
        EXPECT_EQ(spread(1), (Counts{{"no_healthy_endpoint", 1}}));
        continue;
      }
      const double here = sums.contains("a") ? sums["a"] : 0;
      const double stays =
          here == all ? 1 : std::min(1.0, static_cast<double>(sums.size()) * here / all);
      std::vector<double> shares;
      for (std::size_t at = 0; at < 4; ++at) {
        const double weight = drained[at] || !healthy[at] ? 0 : weights[at];
        const double part = zones[at] == "a" ? (here > 0 ? stays / here : 0)
                                             : (here < all ? (1 - stays) / (all - here) : 0);
        shares.push_back(weight * part);
      }
      expect_spread(shares, "after an event");
      if (HasFailure()) return;
    }
  }
}

TEST_F(ZonesTest, RequestsAreCountedByZone) {
  std::map<std::string, std::shared_ptr<telemetry::ZoneMetrics>> counts;
  serve_zones({"a", "b", ""});
  leave();
  RegistryHooks hooks;
  hooks.zone_added = [&](std::string_view upstream, std::string_view zone) {
    auto& at = counts[std::string(zone)];
    if (!at)
      at = std::make_shared<telemetry::ZoneMetrics>(std::string(upstream), std::string(zone), 2);
    return at;
  };
  cluster_ = cluster_on(upstream_, {&thread_.loop}, hooks);
  (void)spread(20);
  const auto count_of = [&](const std::string& zone) {
    return counts.at(zone)->shard(0).requests.value();
  };
  EXPECT_EQ(count_of("a"), 20u);
  EXPECT_EQ(count_of("b") + count_of(""), 0u);
  set_state(0, EndpointState::drain);
  (void)spread(20);
  EXPECT_EQ(count_of("b"), 10u);
  EXPECT_EQ(count_of(""), 10u);
  // Without zones nothing is counted any more.
  for (auto& endpoint : upstream_.endpoints) endpoint.zone.clear();
  cluster_->apply(upstream_);
  (void)spread(20);
  EXPECT_EQ(count_of("a") + count_of("b") + count_of(""), 40u);
}

}  // namespace
}  // namespace weir::upstream
