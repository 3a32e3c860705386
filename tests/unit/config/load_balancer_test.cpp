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
