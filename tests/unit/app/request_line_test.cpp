#include "app/request_line.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace weir::app {
namespace {

constexpr std::string_view logged =
    R"({"time":"2026-11-29T18:52:03.123456Z","method":"GET","host":"api.example.com",)"
    R"("path":"/orders/7","query":"a=1","status":200,"route":"orders","upstream":"v2",)"
    R"("endpoint":"10.0.1.1:8080","duration_ms":1.234})";
const Paint plain(false);

LoggedRequest example() { return *parse_logged_line(logged).request; }

TEST(LoggedLine, ReadsWhatALineShows) {
  const LoggedRequest request = example();
  EXPECT_EQ(request.time, "2026-11-29T18:52:03.123456Z");
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.host, "api.example.com");
  EXPECT_EQ(request.path, "/orders/7");
  EXPECT_EQ(request.query, "a=1");
  EXPECT_EQ(request.reason, "");
  EXPECT_EQ(request.route, "orders");
  EXPECT_EQ(request.upstream, "v2");
  EXPECT_EQ(request.endpoint, "10.0.1.1:8080");
  EXPECT_EQ(request.status, 200);
  EXPECT_DOUBLE_EQ(request.duration_ms, 1.234);
}

TEST(LoggedLine, ReadsHowManyAreMissing) {
  const LoggedLine line = parse_logged_line(R"({"lost":12})");
  EXPECT_FALSE(line.request);
  EXPECT_EQ(line.lost, 12U);
}

TEST(LoggedLine, AnythingElseIsAboutNothing) {
  for (const char* text : {"", "{", "[]", "{}", "null", "200", R"({"status":200})",
                           R"({"time":"a","time":"b"})", R"({"lost":-1})", R"({"lost":"many"})"}) {
    const LoggedLine line = parse_logged_line(text);
    EXPECT_FALSE(line.request) << text;
    EXPECT_EQ(line.lost, 0U) << text;
  }
  const LoggedLine odd = parse_logged_line(R"({"time":1,"status":"x","path":[],"duration_ms":{}})");
  ASSERT_TRUE(odd.request);
  EXPECT_EQ(request_line(*odd.request, plain), "  ---     0.0 ms");
}

TEST(RequestLine, HasItsColumns) {
  EXPECT_EQ(request_line(example(), plain),
            "18:52:03.123  200     1.2 ms  GET   api.example.com/orders/7?a=1  orders"
            "  v2 10.0.1.1:8080");
  LoggedRequest refused = example();
  refused.status = 429;
  refused.reason = "rate_limited";
  refused.query = refused.upstream = refused.endpoint = "";
  refused.duration_ms = 12345.6;
  EXPECT_EQ(
      request_line(refused, plain, {.with_host = false, .width = 0}),
      "18:52:03.123  429    12.35 s  GET   /orders/7                     rate_limited  orders");
}

TEST(RequestLine, TheStatusHasTheColourOfItsClass) {
  const Paint coloured(true);
  LoggedRequest request = example();
  for (const auto& [status, style] :
       {std::pair{200, Style::green}, std::pair{308, Style::cyan}, std::pair{404, Style::yellow},
        std::pair{503, Style::red}, std::pair{499, Style::yellow}}) {
    request.status = status;
    EXPECT_NE(request_line(request, coloured).find(coloured(style, std::to_string(status))),
              std::string::npos)
        << status;
  }
  request.status = 0;
  EXPECT_NE(request_line(request, coloured).find(coloured(Style::red, "---")), std::string::npos);
  EXPECT_EQ(request_line(request, plain).find('\x1b'), std::string::npos);
}

TEST(RequestLine, NothingOfAClientReachesTheTerminal) {
  LoggedRequest request = example();
  const std::string hostile = "/\x1b[2J\r\n\x07\x7f\xc2\x9b\xe2\x80\xae\xff";
  request.path = request.host = request.method = request.query = request.route = hostile;
  request.reason = request.upstream = request.endpoint = request.time = hostile;
  for (const std::size_t width : {std::size_t{0}, std::size_t{80}}) {
    const std::string line = request_line(request, plain, {.with_host = true, .width = width});
    EXPECT_TRUE(std::ranges::all_of(line, [](char c) { return c >= 0x20 && c < 0x7F; })) << line;
  }
  EXPECT_NE(request_line(request, plain).find(R"(\x1B[2J\x0D\x0A\x07\x7F\xC2\x9B\xE2\x80\xAE\xFF)"),
            std::string::npos);
}

TEST(RequestLine, IsNotWiderThanItMay) {
  LoggedRequest request = example();
  request.path = "/" + std::string(300, 'a');
  request.reason = "rate_limited";
  for (const std::size_t width : {1, 2, 10, 40, 60, 80, 100, 120, 1000}) {
    const std::string line = request_line(request, plain, {.with_host = true, .width = width});
    EXPECT_LE(line.size(), width);
    EXPECT_FALSE(line.ends_with(' ')) << width;
  }
  // The path gives way first.
  const std::string line = request_line(request, plain, {.with_host = true, .width = 110});
  EXPECT_EQ(line.size(), 110U);
  EXPECT_TRUE(line.ends_with("...  rate_limited  orders  v2 10.0.1.1:8080")) << line;
  // Colours take no columns.
  const Paint coloured(true);
  EXPECT_GT(request_line(request, coloured, {.with_host = true, .width = 110}).size(), 110U);
}

TEST(RequestLine, LongMethodsAreCut) {
  LoggedRequest request = example();
  request.method = std::string(200, 'X');
  EXPECT_LT(request_line(request, plain).size(), 130U);
}

}  // namespace
}  // namespace weir::app
