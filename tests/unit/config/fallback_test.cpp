#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "config/problem_row.hpp"

namespace weir::config {
namespace {

// Two upstreams and a route with this fallback; further upstreams are on the way to nobody.
std::string with_fallback(std::string_view fallback, std::string_view action = "upstream: app") {
  return "version: 1\n"
         "listeners: [{name: http, bind: '127.0.0.1:8080'}]\n"
         "upstreams: {app: {endpoints: [{address: 'a:1'}]}, spare: {endpoints: [{address: "
         "'b:1'}]}}\n"
         "routes:\n"
         "  - name: r\n"
         "    match: {path: '/a/{id}'}\n"
         "    " +
         std::string(action) + "\n    fallback: " + std::string(fallback) + "\n";
}

Fallback fallback_of(const std::string& document) {
  const auto loaded = load_text(document);
  if (!loaded) {
    ADD_FAILURE() << loaded.error().front().to_string();
    return {};
  }
  return loaded->config.routes.front().fallback.value_or(Fallback{});
}

TEST(FallbackConfig, ItsDefaultsAreFailuresToReachTheUpstream) {
  const Fallback fallback = fallback_of(with_fallback("{upstream: spare}"));
  EXPECT_EQ(fallback.upstream, "spare");
  EXPECT_FALSE(fallback.respond);
  EXPECT_EQ(fallback.conditions,
            (std::vector{Reason::no_healthy_endpoint, Reason::circuit_open, Reason::connect_failed,
                         Reason::connect_timeout, Reason::request_timeout, Reason::pool_full,
                         Reason::shed}));
}

TEST(FallbackConfig, ReadsConditionsAndAFixedAnswer) {
  const Fallback fallback = fallback_of(with_fallback(
      "{conditions: [upstream_reset, try_timeout], respond: {status: 503, body: 'no {id}'}}"));
  EXPECT_EQ(fallback.conditions, (std::vector{Reason::upstream_reset, Reason::try_timeout}));
  ASSERT_TRUE(fallback.respond);
  EXPECT_EQ(fallback.respond->status, 503);
  EXPECT_EQ(fallback.respond->body, "no {id}");
  EXPECT_EQ(fallback_of(with_fallback("{conditions: circuit_open, upstream: spare}")).conditions,
            std::vector{Reason::circuit_open});
}

TEST(FallbackConfig, EachReasonIsAnAnswerOfOursForAnUpstream) {
  for (const Reason reason : fallback_reasons()) {
    EXPECT_GE(status_of(reason), 502) << name(reason);
    EXPECT_LE(status_of(reason), 504) << name(reason);
  }
  for (const Reason reason : Fallback{}.conditions) {
    EXPECT_TRUE(std::ranges::find(fallback_reasons(), reason) != fallback_reasons().end());
  }
}

TEST(FallbackConfig, IsPrintedAsItIsRead) {
  for (const char* written :
       {"{upstream: spare}", "{conditions: [pool_full], respond: {status: 200, body: hello}}"}) {
    const auto loaded = load_text(with_fallback(written));
    ASSERT_TRUE(loaded);
    const std::string printed = to_yaml(loaded->config);
    const auto again = load_text(printed);
    ASSERT_TRUE(again) << printed;
    EXPECT_EQ(to_yaml(again->config), printed);
    EXPECT_TRUE(printed.contains("fallback:")) << printed;
  }
}

TEST(FallbackConfig, ItsUpstreamIsUsed) {
  const auto loaded = load_text(with_fallback("{upstream: spare}"));
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded->warnings.empty()) << loaded->warnings.front().to_string();
}

TEST(FallbackConfig, WhatIsWrongIsReported) {
  struct Row {
    const char* name;
    const char* fallback;
    std::vector<std::string> problems;
    const char* action = "upstream: app";
  };
  const std::string reasons =
      "no_healthy_endpoint, circuit_open, connect_failed, connect_timeout, request_timeout, "
      "pool_full, shed, try_timeout, upstream_reset, upstream_bad_response, "
      "upstream_headers_too_large, upstream_tls_failed";
  const std::vector<Row> rows{
      {"neither",
       "{}",
       {"7:14: routes[0].fallback: needs `upstream` or `respond`: who answers instead"}},
      {"both",
       "{upstream: spare, respond: {}}",
       {"7:14: routes[0].fallback: has both `upstream` and `respond`; write one of them"}},
      {"misspelt",
       "{upstream: spare, conditions: [conect_failed]}",
       {"7:45: routes[0].fallback.conditions[0]: 'conect_failed' is not one of " + reasons +
        " (did you mean 'connect_failed'?)"}},
      {"a reason of the caller's",
       "{upstream: spare, conditions: [rate_limited]}",
       {"7:45: routes[0].fallback.conditions[0]: 'rate_limited' is not one of " + reasons}},
      {"twice",
       "{upstream: spare, conditions: [shed, shed]}",
       {"7:51: routes[0].fallback.conditions[1]: 'shed' is given twice"}},
      {"empty",
       "{upstream: spare, conditions: []}",
       {"7:44: routes[0].fallback.conditions: must not be empty"}},
      {"unknown upstream",
       "{upstream: spar}",
       {"7:25: routes[0].fallback.upstream: unknown upstream 'spar' (did you mean 'spare'?)"}},
      {"template",
       "{respond: {body: 'no {ident}'}}",
       {"7:31: routes[0].fallback.respond.body: unknown variable {ident}"}},
      {"body",
       "{respond: {status: 204, body: x}}",
       {"7:14: routes[0].fallback.respond: an answer with status 204 has no body"}},
      {"nothing to fail",
       "{upstream: spare}",
       {"7:14: routes[0].fallback: needs `upstream` or `split`: nothing else can fail"},
       "respond: {}"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(problems_of(with_fallback(row.fallback, row.action)), row.problems);
  }
}

TEST(FallbackConfig, AskingTheSameUpstreamIsWarnedOf) {
  struct Row {
    const char* action;
    std::size_t warnings;
  };
  const Row rows[] = {
      {"upstream: spare", 1},
      {"split: [{upstream: spare}]", 1},
      {"split: [{upstream: app}, {upstream: spare}]", 0},
  };
  for (const Row& row : rows) {
    const auto loaded = load_text(with_fallback("{upstream: spare}", row.action));
    ASSERT_TRUE(loaded) << row.action;
    const auto told = std::ranges::count_if(loaded->warnings, [](const Problem& each) {
      return each.path == "routes[0].fallback.upstream" && each.message.contains("does nothing");
    });
    EXPECT_EQ(static_cast<std::size_t>(told), row.warnings) << row.action;
  }
}

}  // namespace
}  // namespace weir::config
