#include "server/admin_bodies.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::server {
namespace {

TEST(AdminBodies, Split) {
  const config::Split split{{.upstream = "v1", .weight = 1}, {.upstream = "v2", .weight = 0}};
  struct Row {
    const char* name;
    const char* body;
    control::SplitWeights weights;  // empty: refused
  };
  const Row rows[]{
      {"both", R"({"v1":50,"v2":150})", {50, 150}},
      {"in another order", R"({"v2":1,"v1":2})", {2, 1}},
      {"one that is not named gets nothing", R"({"v2":1})", {0, 1}},
      {"the most", R"({"v1":1000000})", {1'000'000, 0}},
      {"a whole number with a point", R"({"v1":2.0})", {2, 0}},
      {"more than the most", R"({"v1":1000001})", {}},
      {"negative", R"({"v1":-1,"v2":2})", {}},
      {"a fraction", R"({"v1":0.5})", {}},
      {"huge", R"({"v1":1e300})", {}},
      {"a text", R"({"v1":"1"})", {}},
      {"null", R"({"v1":null})", {}},
      {"a stranger", R"({"v3":1})", {}},
      {"no sum", R"({"v1":0,"v2":0})", {}},
      {"nothing", "{}", {}},
      {"twice", R"({"v1":1,"v1":2})", {}},
      {"a list", "[50,50]", {}},
      {"no JSON", "{", {}},
      {"more behind it", R"({"v1":1}{})", {}},
      {"empty", "", {}},
  };
  for (const Row& row : rows) {
    const auto read = parse_split(row.body, split);
    EXPECT_EQ(read.has_value(), !row.weights.empty()) << row.name;
    if (read) {
      EXPECT_EQ(*read, row.weights) << row.name;
    } else {
      EXPECT_FALSE(read.error().empty()) << row.name;
    }
  }
}

TEST(AdminBodies, EndpointChange) {
  using upstream::EndpointState;
  const auto both = parse_endpoint_change(R"({"state":"drain","weight":0})");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->state, EndpointState::drain);
  EXPECT_EQ(both->weight, 0u);
  const auto state = parse_endpoint_change(R"({"state":"down"})");
  ASSERT_TRUE(state);
  EXPECT_EQ(state->state, EndpointState::down);
  EXPECT_FALSE(state->weight);
  const auto weight = parse_endpoint_change(R"({"weight":7})");
  ASSERT_TRUE(weight);
  EXPECT_FALSE(weight->state);
  EXPECT_EQ(weight->weight, 7u);
  for (const char* body : {"", "{}", "[]", R"({"state":"Ready"})", R"({"state":1})",
                           R"({"weight":"7"})", R"({"weight":-7})", R"({"states":"down"})",
                           R"({"state":"down","x":1})", R"({"state":"ready","state":"down"})"}) {
    EXPECT_FALSE(parse_endpoint_change(body)) << body;
  }
}

TEST(AdminBodies, BreakerForceAndLogLevel) {
  EXPECT_EQ(parse_breaker_force(R"({"force":"open"})"), control::BreakerForce::open);
  EXPECT_EQ(parse_breaker_force(R"({"force":"closed"})"), control::BreakerForce::closed);
  EXPECT_EQ(parse_breaker_force(R"({"force":"off"})"), control::BreakerForce::off);
  for (const char* body : {"", "{}", "null", R"({"force":"OPEN"})", R"({"force":true})",
                           R"({"force":"open","force":"off"})", R"({"force":"open","x":1})",
                           R"({"level":"loud"})", R"({"level":1})", R"({"level":"info","x":1})"}) {
    EXPECT_FALSE(parse_breaker_force(body)) << body;
    EXPECT_FALSE(parse_log_level(body)) << body;
  }
}

TEST(AdminBodies, LogLevel) {
  using namespace std::chrono_literals;
  const auto plain = parse_log_level(R"({"level":"debug"})");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->level, telemetry::log::Level::debug);
  EXPECT_FALSE(plain->time);
  const auto timed = parse_log_level(R"({"for":"1.5s","level":"trace"})");
  ASSERT_TRUE(timed);
  EXPECT_EQ(timed->level, telemetry::log::Level::trace);
  EXPECT_EQ(timed->time, std::optional<Duration>(1500ms));
  EXPECT_EQ(parse_log_level(R"({"level":"info","for":"24h"})").value().time,
            std::optional<Duration>(24h));
  EXPECT_FALSE(plain->component);
  EXPECT_EQ(parse_log_level(R"({"level":"debug","component":"upstream"})").value().component,
            debug_log::Component::upstream);
  struct Row {
    const char* body;
    const char* words;
  };
  const Row rows[]{
      {R"({"level":"info","for":"0s"})", "for must be above 0 and at most 24h"},
      {R"({"level":"info","for":"25h"})", "for must be above 0 and at most 24h"},
      {R"({"level":"info","for":30})", "for must be a duration"},
      {R"({"level":"info","for":"30"})", "for: '30' is not a duration"},
      {R"({"level":"info","for":"-1s"})", "is not a duration"},
      {R"({"for":"30s"})", "the body must have a level"},
      {R"({"level":"info","component":"net"})", "component must be client, http2 or upstream"},
      {R"({"level":"info","component":1})", "component must be client, http2 or upstream"},
      {R"({"component":"upstream"})", "the body must have a level"},
      {R"({"level":"info","four":"30s"})", "'four' is an unknown key"},
      {R"({"level":"info","level":"debug"})", "one JSON object with each name once"},
  };
  for (const Row& row : rows) {
    const auto read = parse_log_level(row.body);
    ASSERT_FALSE(read) << row.body;
    EXPECT_NE(read.error().find(row.words), std::string::npos) << read.error();
  }
}

TEST(AdminBodies, RollBack) {
  EXPECT_EQ(parse_roll_back(R"({"generation": 7})").value(), 7u);
  EXPECT_EQ(parse_roll_back(R"({"generation": 18446744073709551615})").value(), UINT64_MAX);
  for (const char* body :
       {"", "[]", "{}", "7", R"({"generation": 0})", R"({"generation": -1})",
        R"({"generation": 1.5})", R"({"generation": 2.0})", R"({"generation": "7"})",
        R"({"generation": null})", R"({"generation": 18446744073709551616})",
        R"({"generation": 7, "for": "1s"})", R"({"generation": 7, "generation": 7})"}) {
    EXPECT_FALSE(parse_roll_back(body)) << body;
  }
}

TEST(AdminBodies, Explain) {
  const auto all = parse_explain(
      R"({"method":"PUT","url":"/a","headers":{"x-a":"1"},"from":"1.2.3.4","listener":"http"})");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->method, "PUT");
  EXPECT_EQ(all->url, "/a");
  EXPECT_EQ(all->from, "1.2.3.4");
  EXPECT_EQ(all->listener, "http");
  ASSERT_EQ(all->headers.size(), 1u);
  EXPECT_EQ(all->headers[0], std::pair(std::string("x-a"), std::string("1")));
  EXPECT_EQ(parse_explain(R"({"url":"/"})").value().method, "GET");
  for (const char* body : {"", "[]", "{}", R"({"method":"GET"})", R"({"url":1})",
                           R"({"url":"/","headers":[]})", R"({"url":"/","headers":{"a":1}})",
                           R"({"url":"/","from":null})", R"({"url":"/","url":"/b"})"}) {
    EXPECT_FALSE(parse_explain(body)) << body;
  }
}

}  // namespace
}  // namespace weir::server
