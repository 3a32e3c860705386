#include "weir/proxy/fixed_answers.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "support/run_task.hpp"

namespace weir::proxy {
namespace {

// A request for http://shop.example/{path}?a=1 of which {id} is "7".
class FixedAnswersTest : public testing::Test {
 protected:
  FixedAnswersTest() {
    request_.head.host = "shop.example";
    request_.head.path = "/orders/7";
    request_.head.query = "a=1";
    request_.head.has_query = true;
  }

  Response answer_of(const std::unique_ptr<Handler>& handler) {
    return test::run_task([&](net::Loop&) -> Task<Response> {
      exchange_.fill_context().path_params[0] = "7";
      exchange_.fill_context().rest = rest_;
      co_return co_await handler->handle(request_, exchange_);
    });
  }
  std::string location_of(const char* to) {
    const Response answer = answer_of(make_redirect({.status = 308, .to = to}, params_));
    return std::string(answer.head.headers.get(FieldId::location).value_or("(none)"));
  }
  static std::string text_of(const Response& response) {
    const auto* text = std::get_if<std::string>(&response.body);
    return text != nullptr ? *text : "(no text)";
  }

  const std::vector<std::string> params_{"id"};
  std::string_view rest_ = "/7";
  ConnectionInfo connection_;
  Request request_;
  Exchange exchange_{connection_, TimePoint{}};
};

TEST_F(FixedAnswersTest, RedirectsFillTheirTemplate) {
  struct Row {
    const char* to;
    const char* location;
  };
  const Row rows[] = {
      {"https://www.example/", "https://www.example/"},
      {"https://{host}{path}{query}", "https://shop.example/orders/7?a=1"},
      {"/o/{id}", "/o/7"},
      {"/new{rest}{query}", "/new/7?a=1"},
      {"{rest}", "/7"},
  };
  for (const Row& row : rows) EXPECT_EQ(location_of(row.to), row.location) << row.to;
}

TEST_F(FixedAnswersTest, ARedirectPointsSomewhere) {
  rest_ = "";
  EXPECT_EQ(location_of("{rest}"), "/");
  EXPECT_EQ(location_of("{rest}{query}"), "?a=1");
  request_.head.has_query = false;
  EXPECT_EQ(location_of("{rest}{query}"), "/");
}

TEST_F(FixedAnswersTest, ARedirectStaysAtItsHost) {
  struct Row {
    const char* name;
    const char* path;
    const char* location;
  };
  const Row rows[] = {
      {"an ordinary path", "/evil.example", "/evil.example"},
      {"two slashes", "//evil.example/x", "/.//evil.example/x"},
      {"three slashes", "///evil.example", "/.///evil.example"},
  };
  for (const Row& row : rows) {
    request_.head.path = row.path;
    EXPECT_EQ(location_of("{path}"), row.location) << row.name;
  }
}

TEST_F(FixedAnswersTest, NothingIsRedirectedToAHostThatNobodyNamed) {
  request_.head.host = {};
  const auto reason_of = [&](const char* to) {
    return answer_of(make_redirect({.status = 308, .to = to}, {})).reason;
  };
  EXPECT_EQ(reason_of("https://{host}{path}"), Reason::bad_request);
  EXPECT_EQ(reason_of("https://www.example{path}"), Reason::none);
  EXPECT_EQ(reason_of("{path}"), Reason::none);
  EXPECT_EQ(reason_of("/login?back=http:///"), Reason::none);
}

TEST_F(FixedAnswersTest, ContentOverTheLimitIsRefused) {
  request_.head.framing = Framing::length;
  request_.head.content_length = 11;
  const std::unique_ptr<Handler> handlers[] = {make_redirect({.status = 308, .to = "/x"}, {}),
                                               make_respond({}, {})};
  for (const auto& handler : handlers) {
    exchange_.decisions.body_limit = 10;
    EXPECT_EQ(answer_of(handler).reason, Reason::body_too_large);
    exchange_.decisions.body_limit = 11;
    EXPECT_EQ(answer_of(handler).reason, Reason::none);
    exchange_.decisions.body_limit = 0;
    EXPECT_EQ(answer_of(handler).reason, Reason::none);
  }
}

TEST_F(FixedAnswersTest, ARedirectHasItsStatusAndNoContent) {
  for (const int status : {301, 302, 303, 307, 308}) {
    const Response answer = answer_of(make_redirect({.status = status, .to = "/x"}, {}));
    EXPECT_EQ(answer.head.status, status);
    EXPECT_EQ(answer.reason, Reason::none);
    EXPECT_EQ(text_of(answer), "");
    EXPECT_FALSE(answer.head.headers.contains(FieldId::content_type));
  }
}

TEST_F(FixedAnswersTest, RespondsWithWhatWasConfigured) {
  config::Respond respond;
  respond.status = 418;
  respond.body = "{{\"id\":\"{id}\"}";
  respond.headers = {{"X-Path", "{path}"}, {"X-Twice", "1"}, {"X-Twice", "2"}};
  const Response answer = answer_of(make_respond(respond, params_));
  EXPECT_EQ(answer.head.status, 418);
  EXPECT_EQ(text_of(answer), R"({"id":"7"})");
  EXPECT_EQ(answer.head.headers.get("x-path"), "/orders/7");
  std::size_t twice = 0;
  for (const HeaderMap::Field& field : answer.head.headers) twice += field.name == "X-Twice";
  EXPECT_EQ(twice, 2u);
}

TEST_F(FixedAnswersTest, ContentHasOneType) {
  struct Row {
    const char* name;
    int status;
    const char* set;  // null: not configured
    std::optional<std::string> type;
  };
  const Row rows[] = {
      {"plain text unless said", 200, nullptr, "text/plain"},
      {"as configured", 200, "application/json", "application/json"},
      {"none without content", 204, nullptr, std::nullopt},
      {"none where nothing changed", 304, nullptr, std::nullopt},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    config::Respond respond;
    respond.status = row.status;
    if (row.set != nullptr) respond.headers.emplace_back("Content-Type", row.set);
    const Response answer = answer_of(make_respond(respond, {}));
    EXPECT_LE(answer.head.headers.count(FieldId::content_type), 1u);
    std::optional<std::string> type;
    if (const auto got = answer.head.headers.get(FieldId::content_type)) type = *got;
    EXPECT_EQ(type, row.type);
  }
}

}  // namespace
}  // namespace weir::proxy
