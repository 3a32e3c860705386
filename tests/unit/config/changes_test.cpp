#include "weir/config/changes.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "weir/config/loader.hpp"

namespace weir::config {
namespace {

Config load_or_fail(const std::string& text) {
  auto loaded = load_text(text);
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().front().to_string());
  return loaded ? std::move(loaded->config) : Config();
}

// "+ route a", "- upstream b", "~ route c: timeout 15s -> 3s"
std::vector<std::string> told(const std::string& before, const std::string& after) {
  std::vector<std::string> out;
  for (const Change& each : changes(load_or_fail(before), load_or_fail(after))) {
    const char* const sign = each.kind == Change::Kind::added     ? "+ "
                             : each.kind == Change::Kind::removed ? "- "
                                                                  : "~ ";
    std::string line = sign + each.of + (each.name.empty() ? "" : " " + each.name);
    for (const Change::Key& key : each.keys) {
      line += ": " + key.key + " " + key.before + " -> " + key.after;
    }
    out.push_back(std::move(line));
  }
  return out;
}

constexpr const char* one = R"(
listeners: [{name: http, bind: "127.0.0.1:8080"}]
routes:
  - {name: a, match: {path: /a}, upstream: app}
  - {name: b, match: {path: /b}, upstream: app}
upstreams: {app: {endpoints: [{address: "127.0.0.1:1"}]}}
)";

using Lines = std::vector<std::string>;

TEST(Changes, NothingWhereNothingDiffers) { EXPECT_EQ(told(one, one), Lines{}); }

TEST(Changes, AreToldByName) {
  EXPECT_EQ(told(one, R"(
server: {drain_timeout: 10s}
listeners: [{name: http, bind: "127.0.0.1:8081"}]
middleware: {limit: {rate_limit: {rate: 5/s}}}
routes:
  - {name: c, match: {path: /c}, upstream: other, middleware: [limit]}
  - {name: a, match: {path: /a}, upstream: app, timeout: 3s}
upstreams:
  app: {endpoints: [{address: "127.0.0.1:1", weight: 2}]}
  other: {endpoints: [{address: "127.0.0.1:1"}]}
)"),
            (Lines{"~ server: drain_timeout \"30s\" -> \"10s\"",
                   "~ listener http: bind \"127.0.0.1:8080\" -> \"127.0.0.1:8081\"",
                   "+ middleware limit", "+ route c", "~ route a: timeout \"15s\" -> \"3s\"",
                   "- route b", "~ upstream app: endpoints[0].weight 1 -> 2", "+ upstream other"}));
}

TEST(Changes, ASectionComesAndGoes) {
  std::string with = one;
  with += "providers: {etcd: {endpoints: [\"http://127.0.0.1:2379\"]}}\n";
  EXPECT_EQ(told(one, with), Lines{"+ providers"});
  EXPECT_EQ(told(with, one), Lines{"- providers"});
}

TEST(Changes, TheOrderOfRoutesIsOne) {
  EXPECT_EQ(told(one, R"(
listeners: [{name: http, bind: "127.0.0.1:8080"}]
routes:
  - {name: b, match: {path: /b}, upstream: app}
  - {name: a, match: {path: /a}, upstream: app}
upstreams: {app: {endpoints: [{address: "127.0.0.1:1"}]}}
)"),
            (Lines{"~ routes: order a, b -> b, a"}));
}

TEST(Changes, WhatWasPrintedReadsBackWithoutItsFiles) {
  const Config config = load_or_fail(R"(
listeners: [{name: http, bind: "127.0.0.1:8080"}]
middleware:
  login:
    jwt: {issuers: [{issuer: i, algorithms: [HS256], keys: {secret: "0123456789012345678901234567890123"}}]}
routes: [{name: a, match: {path: /a, headers: {x-a: "$5 {}"}}, middleware: [login], respond: {status: 200, body: "$ {{a}}"}}]
)");
  const auto again = load_printed(to_json(config), "running");
  ASSERT_TRUE(again) << again.error().front().to_string();
  EXPECT_TRUE(changes(config, *again).empty());
}

}  // namespace
}  // namespace weir::config
