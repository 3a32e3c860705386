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
  const Response response = problem(Reason::connect_failed, "10.0.0.1:80 refused", "id");
  EXPECT_EQ(body_of(response).find("10.0.0.1"), std::string::npos);
  EXPECT_EQ(response.detail, "10.0.0.1:80 refused");
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
