#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "config/problem_row.hpp"

namespace weir::config {
namespace {

using namespace std::chrono_literals;

std::string with_hedge(std::string_view hedge, std::string_view action = "upstream: app") {
  return "version: 1\n"
         "listeners: [{name: http, bind: '127.0.0.1:8080'}]\n"
         "upstreams: {app: {endpoints: [{address: 'a:1'}]}}\n"
         "routes: [{name: r, match: {}, " +
         std::string(action) + ", hedge: " + std::string(hedge) + "}]\n";
}

std::string with_deadline(std::string_view deadline) {
  return "version: 1\n"
         "listeners: [{name: http, bind: '127.0.0.1:8080'}]\n"
         "routes: [{name: r, match: {}, respond: {}}]\n"
         "server: {deadline: " +
         std::string(deadline) + "}\n";
}

Deadlines deadlines_of(std::string_view text) {
  const auto loaded = load_text(with_deadline(text));
  if (!loaded) {
    ADD_FAILURE() << loaded.error().front().to_string();
    return {};
  }
  return loaded->config.server.deadline;
}

TEST(DeadlinesConfig, WhatIsAccepted) {
  const Deadlines usual = deadlines_of("{}");
  EXPECT_TRUE(usual.grpc_timeout && usual.request_timeout && !usual.refuse_hopeless);
  EXPECT_EQ(usual.send, TellDeadline::on);
  const Deadlines none = deadlines_of("{accept: [], send: off, refuse_hopeless: on}");
  EXPECT_FALSE(none.grpc_timeout || none.request_timeout);
  EXPECT_TRUE(none.refuse_hopeless);
  EXPECT_EQ(none.send, TellDeadline::off);
  const Deadlines one = deadlines_of("{accept: x-request-timeout, send: always}");
  EXPECT_TRUE(one.request_timeout && !one.grpc_timeout);
  EXPECT_EQ(one.send, TellDeadline::always);
}

TEST(DeadlinesConfig, WhatIsWrong) {
  for (const std::string_view text :
       {"{accept: [x-timeout]}", "{accept: [grpc-timeout, grpc-timeout]}", "{send: sometimes}",
        "{refuse_hopeless: p50}", "{after: 1s}", "1s"}) {
    EXPECT_EQ(problems_of(with_deadline(text)).size(), 1u) << text;
  }
}

TEST(HedgeConfig, ATimeOrAQuantile) {
  const auto hedge_of = [](std::string_view text) {
    const auto loaded = load_text(with_hedge(text));
    EXPECT_TRUE(loaded) << text;
    return loaded ? loaded->config.routes.front().hedge.value_or(Hedge{.most = 0}) : Hedge{};
  };
  EXPECT_EQ(hedge_of("{}").after, HedgeAfter::p95);
  EXPECT_EQ(hedge_of("{}").most, 1u);
  EXPECT_EQ(hedge_of("{after: p50, most: 3}").after, HedgeAfter::p50);
  EXPECT_EQ(hedge_of("{after: p50, most: 3}").most, 3u);
  EXPECT_EQ(hedge_of("{after: p99}").after, HedgeAfter::p99);
  EXPECT_EQ(hedge_of("{after: 50ms}").after, HedgeAfter::time);
  EXPECT_EQ(hedge_of("{after: 50ms}").time, Duration(50ms));
}

TEST(HedgeConfig, WhatIsWrong) {
  for (const std::string_view text : {"{after: p42}", "{after: 0s}", "{after: soon}", "{most: 0}",
                                      "{most: 4}", "{before: p95}"}) {
    EXPECT_EQ(problems_of(with_hedge(text)).size(), 1u) << text;
  }
  EXPECT_EQ(problems_of(with_hedge("{}", "respond: {}")).size(), 1u);
  const auto late = load_text(with_hedge("{after: 15s}"));
  ASSERT_TRUE(late);
  ASSERT_EQ(late->warnings.size(), 1u);
  EXPECT_EQ(late->warnings.front().path, "routes[0].hedge.after");
}

}  // namespace
}  // namespace weir::config
