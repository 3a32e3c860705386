#include "weir/config/load_balancer.hpp"

#include <gtest/gtest.h>

#include <string>

#include "config/problem_row.hpp"

namespace weir::config {
namespace {

std::string file_with(std::string_view balancer, std::string_view route) {
  return "version: 1\nlisteners: [{name: http, bind: '127.0.0.1:80'}]\nroutes:\n  - {name: r, " +
         std::string(route) +
         ", upstream: app}\nupstreams:\n  app: {endpoints: [{address: '10.0.0.1:80', priority: "
         "2}], "
         "load_balancer: {" +
         std::string(balancer) + "}}\n";
}

TEST(LoadBalancer, IsRead) {
  const auto loaded =
      load_text(file_with("policy: hash, key: [host, {path_param: id}], bounded_load: 150%, "
                          "slow_start: 30s, panic_threshold: 0%",
                          "match: {path: '/x/{id}'}"));
  ASSERT_TRUE(loaded) << loaded.error().front().to_string();
  const Upstream& upstream = loaded->config.upstreams.front();
  EXPECT_EQ(upstream.endpoints.front().priority, 2u);
  const LoadBalancer& read = upstream.load_balancer;
  EXPECT_EQ(read.policy, LoadBalancing::hash);
  ASSERT_TRUE(read.key);
  EXPECT_EQ(to_text(*read.key), "host + path_param id");
  EXPECT_DOUBLE_EQ(read.bounded_load, 1.5);
  EXPECT_EQ(read.slow_start, std::chrono::seconds(30));
  EXPECT_EQ(read.panic_threshold, 0);
}

TEST(LoadBalancer, PrintsWhatItReads) {
  for (const char* const balancer :
       {"policy: peak_ewma", "policy: hash, key: {cookie: place}, bounded_load: off",
        "policy: hash, key: [client_ip, host], bounded_load: 200%, slow_start: 5m"}) {
    const auto loaded = load_text(file_with(balancer, "match: {path_prefix: /}"));
    ASSERT_TRUE(loaded) << balancer;
    const std::string printed = to_yaml(loaded->config);
    const auto again = load_text(printed);
    ASSERT_TRUE(again) << again.error().front().to_string();
    EXPECT_EQ(to_yaml(again->config), printed);
  }
}

std::string zone_file(std::string_view server, std::string_view balancer,
                      std::string_view endpoints) {
  return "version: 1\nserver: {" + std::string(server) +
         "}\nlisteners: [{name: http, bind: '127.0.0.1:80'}]\nroutes: [{name: r, match: {}, "
         "upstream: app}]\nupstreams:\n  app:\n    load_balancer: {" +
         std::string(balancer) + "}\n    endpoints: [" + std::string(endpoints) + "]\n";
}

TEST(LoadBalancer, KnowsWhereTheGatewayIs) {
  const auto loaded = load_text(zone_file("zone: north", "zone_aware: on, weights: reported",
                                          "{address: '10.0.0.1:80', zone: north}"));
  ASSERT_TRUE(loaded) << loaded.error().front().to_string();
  EXPECT_TRUE(loaded->warnings.empty()) << loaded->warnings.front().to_string();
  EXPECT_EQ(loaded->config.server.zone, "north");
  const Upstream& upstream = loaded->config.upstreams.front();
  EXPECT_EQ(upstream.endpoints.front().zone, "north");
  EXPECT_EQ(upstream.load_balancer.local_zone, "north");
  EXPECT_TRUE(upstream.load_balancer.splits_zones());
  EXPECT_EQ(upstream.load_balancer.weights, BalancerWeights::reported);
  const std::string printed = to_yaml(loaded->config);
  const auto again = load_text(printed);
  ASSERT_TRUE(again) << again.error().front().to_string();
  EXPECT_EQ(to_yaml(again->config), printed);
}

TEST(LoadBalancer, WarnsOfZonesThatMeanNothing) {
  struct Row {
    const char* name;
    const char* server;
    const char* balancer;
    const char* endpoints;
    const char* warning;  // null: none
  };
  constexpr const char* unknown =
      "has no effect: where this gateway is is not known; set `server.zone`";
  const Row rows[] = {
      {"unset", "", "zone_aware: on", "{address: '10.0.0.1:80', zone: a}", unknown},
      {"empty", "zone: ''", "zone_aware: on", "{address: '10.0.0.1:80', zone: a}", unknown},
      {"nobody has one", "zone: a", "zone_aware: on", "{address: '10.0.0.1:80'}",
       "has no effect: no endpoint has a `zone`"},
      {"none is here, which may be", "zone: b", "zone_aware: on",
       "{address: '10.0.0.1:80', zone: a}", nullptr},
      {"off", "", "zone_aware: off", "{address: '10.0.0.1:80', zone: a}", nullptr},
  };
  for (const Row& row : rows) {
    const auto loaded = load_text(zone_file(row.server, row.balancer, row.endpoints));
    ASSERT_TRUE(loaded) << row.name;
    ASSERT_EQ(loaded->warnings.size(), row.warning == nullptr ? 0u : 1u) << row.name;
    if (row.warning == nullptr) continue;
    const Problem& told = loaded->warnings.front();
    EXPECT_EQ(told.message, row.warning) << row.name;
    EXPECT_EQ(told.path, "upstreams.app.load_balancer.zone_aware") << row.name;
    EXPECT_EQ(told.place.line, 6) << row.name;
  }
}

TEST(LoadBalancer, AHashGoesWithNeitherZonesNorReports) {
  for (const std::string key : {"zone_aware: on", "weights: reported"}) {
    const auto loaded = load_text(zone_file("zone: a", "policy: hash, key: client_ip, " + key,
                                            "{address: '10.0.0.1:80', zone: a}"));
    ASSERT_FALSE(loaded) << key;
    EXPECT_EQ(loaded.error().front().message,
              "does not go with `policy: hash`, where a caller keeps its endpoint");
  }
}

TEST(LoadBalancer, ZonesAreShortTexts) {
  const auto loaded =
      load_text(zone_file("zone: " + std::string(65, 'z'), "", "{address: '10.0.0.1:80'}"));
  ASSERT_FALSE(loaded);
  EXPECT_TRUE(loaded.error().front().message.ends_with("is longer than 64 bytes"));
}

TEST(LoadBalancer, ItsKeyMustBeThereOnEachRoute) {
  struct Row {
    const char* name;
    const char* balancer;
    const char* problem;
  };
  const Row rows[] = {
      {"a parameter of the path", "policy: hash, key: {path_param: id}",
       "load_balancer of 'app': the key path_param 'id' is not a parameter of the path; name one "
       "there: {id}"},
      {"a claim", "policy: hash, key: {jwt_claim: sub}",
       "load_balancer of 'app': the key jwt_claim 'sub' needs a jwt middleware before it in the "
       "list"},
  };
  for (const Row& row : rows) {
    const auto loaded = load_text(file_with(row.balancer, "match: {path_prefix: /x}"));
    ASSERT_FALSE(loaded) << row.name;
    const std::string told = loaded.error().front().to_string();
    EXPECT_TRUE(told.ends_with(row.problem)) << told;
    EXPECT_EQ(loaded.error().front().place.line, 3) << "the route's line, from 0";
  }
}

TEST(LoadBalancer, ItsKeyMustBeThereForAFallback) {
  std::string file = file_with("", "match: {path_prefix: /x}, fallback: {upstream: other}");
  file +=
      "  other: {endpoints: [{address: '10.0.0.2:80'}], load_balancer: {policy: hash, key: "
      "{path_param: id}}}\n";
  const auto loaded = load_text(file);
  ASSERT_FALSE(loaded);
  const std::string told = loaded.error().front().to_string();
  EXPECT_NE(told.find("load_balancer of 'other': the key path_param 'id'"), told.npos) << told;
}

}  // namespace
}  // namespace weir::config
