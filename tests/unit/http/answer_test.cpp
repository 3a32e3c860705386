#include "weir/http/answer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <variant>

namespace weir::test {
namespace {

using namespace std::chrono_literals;

std::string body_of(const Response& response) {
  const auto* text = std::get_if<std::string>(&response.body);
  return text != nullptr ? *text : "";
}

TEST(Problem, SaysTheSameInBodyAndFields) {
  const Response response = problem(Reason::credentials_missing, "authorization: none", "id-1");
  EXPECT_EQ(response.head.status, 401);
  EXPECT_EQ(response.reason, Reason::credentials_missing);
  EXPECT_EQ(response.detail, "authorization: none");
  EXPECT_EQ(response.head.headers.get("content-type"), "application/problem+json");
  EXPECT_EQ(response.head.headers.get("server"), "weir");
  EXPECT_EQ(response.head.headers.get("proxy-status"),
            "weir; error=http_request_denied; details=\"credentials_missing\"");
  EXPECT_EQ(response.head.framing, Framing::length);
  EXPECT_EQ(response.head.content_length, body_of(response).size());
  EXPECT_EQ(body_of(response),
            R"({"type":"about:blank","title":"Unauthorized","status":401,)"
            R"("reason":"credentials_missing","detail":"authorization: none","request_id":"id-1"})"
            "\n");
}

TEST(Problem, DoesNotTellWhatIsInside) {
  const Error error{Reason::connect_failed, Side::upstream, "10.0.0.1:80 ECONNREFUSED"};
  const Response response = problem(error, "id");
  EXPECT_EQ(body_of(response).find("10.0.0.1"), std::string::npos);
  EXPECT_EQ(response.detail, "no connection to the upstream could be made");
  EXPECT_NE(body_of(response).find("\"detail\":\"no connection to the upstream could be made\""),
            std::string::npos);
}

TEST(Problem, TellsTheSentenceOfAFailure) {
  Error error{Reason::connect_failed, Side::upstream, "ECONNREFUSED"};
  error.sentence = "the upstream refused the connection";
  EXPECT_EQ(problem(error, "id").detail, "the upstream refused the connection");
}

TEST(Problem, EachFailureOfOursHasASentenceOrNoDetail) {
  for (std::size_t i = 1; i < reason_count; ++i) {
    const auto reason = static_cast<Reason>(i);
    SCOPED_TRACE(name(reason));
    const int status = status_of(reason);
    const Response response = problem(Error{reason, Side::upstream, "upstream-name"}, "id");
    EXPECT_EQ(status < 500 || reason == Reason::internal, response.detail == "upstream-name");
    if (status >= 502 && status <= 504) {
      EXPECT_NE(response.detail.find(' '), std::string::npos);
    }
    EXPECT_EQ(response.detail.empty(), body_of(response).find("\"detail\"") == std::string::npos);
  }
}

TEST(Problem, WhatAClientCausedIsNamedAlsoInA5xx) {
  const Error error{Reason::not_implemented, Side::downstream, "method 'BREW'"};
  EXPECT_EQ(problem(error, "id").detail, "method 'BREW'");
}

TEST(Problem, NothingEndsTheString) {
  const Response response = problem(Reason::bad_request, "\"}\r\n\x01", "id");
  EXPECT_EQ(body_of(response).find("\"}\r"), std::string::npos);
  EXPECT_EQ(std::ranges::count(body_of(response), '\n'), 1);
}

TEST(Problem, RetryAfter) {
  struct Row {
    Reason reason;
    Duration wait;
    std::optional<std::string_view> sent;
  };
  const Row rows[] = {
      {Reason::overloaded, 0s, "1"},
      {Reason::overloaded, 1001ms, "2"},
      {Reason::rate_limited, 3s, "3"},
      {Reason::bad_request, 3s, std::nullopt},
      {Reason::connect_failed, 3s, std::nullopt},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(name(row.reason));
    EXPECT_EQ(problem(row.reason, "", "id", row.wait).head.headers.get("retry-after"), row.sent);
  }
}

TEST(SimpleAnswer, IsNoRefusal) {
  const Response response = simple_answer(200, "pong\n");
  EXPECT_EQ(response.reason, Reason::none);
  EXPECT_EQ(response.head.content_length, 5u);
  EXPECT_EQ(response.head.headers.get("content-type"), "text/plain");
  EXPECT_FALSE(response.head.headers.contains("proxy-status"));
}

}  // namespace
}  // namespace weir::test
