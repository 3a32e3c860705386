#include "weir/http/request_trace.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::test {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint noon{10h};

RequestTrace::Begin try_at(TimePoint now, std::string_view endpoint) {
  return {.now = now, .upstream = "app", .endpoint = endpoint, .method = "GET", .path = "/x"};
}

TEST(RequestTrace, TriesAreCountedAndTold) {
  RequestTrace trace({1, 2}, 3, true, B3Form::none);
  const std::string first = "10.0.0.1:80";
  const std::string second = "10.0.0.2:80";
  auto begin = try_at(noon, first);
  begin.queued = 5ms;
  begin.connected = 2ms;
  trace.try_begins(begin);
  trace.try_ended({.endpoint = first, .result = "reset", .reason = Reason::upstream_reset},
                  noon + 1s);
  trace.try_begins(try_at(noon + 2s, second));
  const std::string told(trace.texts().traceparent());
  trace.try_ended({.endpoint = second, .result = "ok", .status = 200, .h2 = true}, noon + 3s);
  ASSERT_EQ(trace.spans().size(), 3u);
  const InnerSpan& queue = trace.spans()[0];
  EXPECT_EQ(queue.kind, InnerSpan::Kind::queue);
  EXPECT_EQ(queue.began, noon - 7ms);
  EXPECT_EQ(queue.ended, noon - 2ms);
  const InnerSpan& one = trace.spans()[1];
  EXPECT_EQ(one.began, noon - 2ms);
  EXPECT_EQ(one.resend, 0u);
  EXPECT_EQ(one.reason, Reason::upstream_reset);
  EXPECT_EQ(one.ended, noon + 1s);
  const InnerSpan& two = trace.spans()[2];
  EXPECT_EQ(two.resend, 1u);
  EXPECT_EQ(two.status, 200);
  EXPECT_TRUE(two.h2);
  EXPECT_NE(two.id, one.id);
  // The upstream is told of the try that asks it.
  const auto parent = parse_traceparent(told);
  ASSERT_TRUE(parent);
  EXPECT_EQ(parent->span, two.id);
  EXPECT_EQ(parent->trace, (TraceId{1, 2}));
}

TEST(RequestTrace, TriesBesideEachOtherAreToldApartByTheirOwnText) {
  RequestTrace trace({1, 2}, 0, true, B3Form::none);
  const std::string one = "10.0.0.1:80";
  const std::string same = "10.0.0.1:80";
  trace.try_begins(try_at(noon, one));
  auto hedge = try_at(noon + 1s, same);
  hedge.hedge = 1;
  trace.try_begins(hedge);
  trace.try_ended({.endpoint = one, .result = "hedge_lost"}, noon + 2s);
  EXPECT_EQ(trace.spans()[0].result, "hedge_lost");
  EXPECT_EQ(trace.spans()[1].ended, TimePoint{});
  EXPECT_EQ(trace.spans()[1].hedge, 1u);
}

TEST(RequestTrace, SpansAreBounded) {
  RequestTrace trace({1, 2}, 0, true, B3Form::none);
  for (std::size_t i = 0; i < RequestTrace::most_spans + 5; ++i) {
    trace.try_begins(try_at(noon, "10.0.0.1:80"));
  }
  EXPECT_EQ(trace.spans().size(), RequestTrace::most_spans);
  // Whoever is asked beyond that still gets a valid field.
  EXPECT_EQ(parse_traceparent(trace.texts().traceparent())->span, trace.span());
}

TEST(RequestTrace, AQuestionHasFieldsOfItsOwn) {
  RequestTrace trace({1, 2}, 3, true, B3Form::single);
  HeaderMap fields;
  fields.add("traceparent", "x");
  fields.add("b3", "y");
  std::string endpoint = "10.0.0.9:80";
  const std::size_t at = trace.question_begins(noon, "judge", "/verify", fields);
  EXPECT_EQ(fields.count(FieldId::traceparent), 1u);
  EXPECT_EQ(parse_traceparent(*fields.get("traceparent"))->span, trace.spans()[at].id);
  EXPECT_EQ(parse_b3(*fields.get("b3"))->span, trace.spans()[at].id);
  trace.question_ended(at, noon + 1s, endpoint, 401, Reason::none);
  endpoint = "gone";
  EXPECT_EQ(trace.spans()[at].endpoint, "10.0.0.9:80");
  EXPECT_EQ(trace.spans()[at].status, 401);
}

TEST(RequestTrace, ATunnelsTextsAreItsOwn) {
  RequestTrace trace({1, 2}, 3, true, B3Form::none);
  std::string route = "/chat/{room}";
  std::string endpoint = "10.0.0.1:80";
  trace.route = route;
  trace.try_begins(try_at(noon, endpoint));
  Arena arena;
  trace.own_texts(arena);
  route.assign(route.size(), 'x');
  EXPECT_EQ(trace.route, "/chat/{room}");
  // The endpoint's text is the try's own, by which its end finds it.
  trace.try_ended({.endpoint = endpoint, .result = "ok"}, noon + 1s);
  EXPECT_EQ(trace.spans()[0].result, "ok");
}

}  // namespace
}  // namespace weir::test
