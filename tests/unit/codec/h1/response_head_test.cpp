#include <gtest/gtest.h>

#include <string>

#include "codec/h1/head_parser.hpp"

namespace weir::codec::h1 {
namespace {

using namespace std::string_literals;

std::string outcome_of(const Consumed& consumed) {
  if (!consumed) return std::string(name(consumed.error().reason));
  return *consumed == 0 ? "more" : "ok";
}

struct ParsedResponse {
  ResponseHead head;
  std::string outcome;
};

ParsedResponse parse_response(std::string_view bytes, Method method = Method::get,
                              const HeadLimits& limits = {}) {
  ParsedResponse out;
  ResponseHeadParser parser(limits, method);
  out.outcome = outcome_of(parser.parse(bytes, out.head));
  return out;
}

std::string outcome_in_pieces(std::string_view bytes, Method method, const HeadLimits& limits) {
  ResponseHead head;
  ResponseHeadParser parser(limits, method);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const std::string seen(bytes.substr(0, size));
    const Consumed consumed = parser.parse(seen, head);
    if (!consumed || *consumed != 0) return outcome_of(consumed);
  }
  return "more";
}

struct ResponseRow {
  std::string name;
  std::string bytes;
  std::string outcome;
};

void check_all(const std::vector<ResponseRow>& rows, const HeadLimits& limits = {}) {
  for (const ResponseRow& row : rows) {
    EXPECT_EQ(parse_response(row.bytes, Method::get, limits).outcome, row.outcome) << row.name;
    EXPECT_EQ(outcome_in_pieces(row.bytes, Method::get, limits), row.outcome)
        << row.name << ", in pieces";
  }
}

std::string ok(const std::string& fields) { return "HTTP/1.1 200 OK\r\n" + fields + "\r\n"; }

constexpr const char* bad = "upstream_bad_response";

TEST(ResponseHead, StatusLine) {
  check_all({
      {"plain", ok(""), "ok"},
      {"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n", "ok"},
      {"empty phrase", "HTTP/1.1 200 \r\n\r\n", "ok"},
      {"no phrase", "HTTP/1.1 200\r\n\r\n", "ok"},
      {"phrase of several words", "HTTP/1.1 404 Not \t Found\r\n\r\n", "ok"},
      {"phrase with obs-text", "HTTP/1.1 200 \xC3\xA4\r\n\r\n", "ok"},
      {"unknown status", "HTTP/1.1 599 x\r\n\r\n", "ok"},
      {"status 600", "HTTP/1.1 600 x\r\n\r\n", bad},
      {"status 099", "HTTP/1.1 099 x\r\n\r\n", bad},
      {"two digits", "HTTP/1.1 20 OK\r\n\r\n", bad},
      {"four digits", "HTTP/1.1 2000 OK\r\n\r\n", bad},
      {"no digits", "HTTP/1.1 OK\r\n\r\n", bad},
      {"tab for space", "HTTP/1.1\t200 OK\r\n\r\n", bad},
      {"tab after status", "HTTP/1.1 200\tOK\r\n\r\n", bad},
      {"two spaces", "HTTP/1.1  200 OK\r\n\r\n", bad},
      {"HTTP/2", "HTTP/2 200\r\n\r\n", bad},
      {"HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", bad},
      {"lower case", "http/1.1 200 OK\r\n\r\n", bad},
      {"other protocol", "ICY 200 OK\r\n\r\n", bad},
      {"HTTP/0.9", "<html>", bad},
      {"empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", bad},
      {"NUL in phrase", "HTTP/1.1 200 O\0K\r\n\r\n"s, bad},
      {"bare LF", "HTTP/1.1 200 OK\n\n", bad},
      {"bare LF, no phrase", "HTTP/1.1 200\n\n", bad},
      {"bare CR", "HTTP/1.1 200 O\rK\r\n\r\n", bad},
      {"cut in version", "HTTP/1", "more"},
      {"cut in status", "HTTP/1.1 20", "more"},
      {"cut after status", "HTTP/1.1 200", "more"},
      {"cut in phrase", "HTTP/1.1 200 O", "more"},
      {"cut before LF", "HTTP/1.1 200 OK\r", "more"},
      {"cut in fields", "HTTP/1.1 200 OK\r\nA: b\r\n", "more"},
  });
  EXPECT_EQ(parse_response("HTTP/1.1 404 Not Found\r\n\r\n").head.phrase, "Not Found");
  EXPECT_EQ(parse_response("HTTP/1.1 404 Not Found\r\n\r\n").head.status, 404);
  EXPECT_EQ(parse_response("HTTP/1.1 204\r\n\r\n").head.phrase, "");
}

TEST(ResponseHead, Fields) {
  check_all({
      {"underscore", ok("x_y: z\r\n"), "ok"},
      {"folded", ok("A: b\r\n c\r\n"), bad},
      {"space before colon", ok("A : b\r\n"), bad},
      {"no colon", ok("A\r\n"), bad},
      {"empty name", ok(": a\r\n"), bad},
      {"NUL", ok("A: \0\r\n"s), bad},
      {"bare LF", ok("A: b\nC: d\r\n"), bad},
      {"bare CR", ok("A: b\rC: d\r\n"), bad},
      {"white space first", "HTTP/1.1 200 OK\r\n A: b\r\n\r\n", bad},
      {"malformed Connection", ok("Connection: a b\r\n"), bad},
  });
  EXPECT_EQ(parse_response(ok("x_y: z\r\n")).head.headers.get("x_y"), "z");
}

TEST(ResponseHead, Limits) {
  HeadLimits limits;
  limits.header_size = 200;
  limits.header_count = 0;
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "A: b\r\n";
  check_all(
      {
          // 15 + 32 of the status line, 32 of the field.
          {"all the room", ok("A: " + std::string(118, 'x') + "\r\n"), "ok"},
          {"one byte more", ok("A: " + std::string(119, 'x') + "\r\n"),
           "upstream_headers_too_large"},
          {"no end", "HTTP/1.1 200 OK\r\nA: " + std::string(119, 'x'),
           "upstream_headers_too_large"},
          {"phrase fits", "HTTP/1.1 200 " + std::string(155, 'x') + "\r\n\r\n", "ok"},
          {"phrase too long", "HTTP/1.1 200 " + std::string(156, 'x'),
           "upstream_headers_too_large"},
      },
      limits);
  limits.header_size = 1 << 20;
  check_all({{"a thousand fields", ok(many), "ok"},
             {"one field more", ok(many + "A: b\r\n"), "upstream_headers_too_large"}},
            limits);
  limits.header_count = 1;
  check_all({{"two fields", ok("A: b\r\nC: d\r\n"), "upstream_headers_too_large"}}, limits);
}

TEST(ResponseHead, Framing) {
  const struct {
    std::string name;
    Method method;
    std::string bytes;
    std::string outcome;
    Framing framing;
    std::uint64_t length;
  } rows[] = {
      {"length", Method::get, ok("Content-Length: 3\r\n"), "ok", Framing::length, 3},
      {"chunked", Method::get, ok("Transfer-Encoding: chunked\r\n"), "ok", Framing::chunked, 0},
      {"until close", Method::get, ok(""), "ok", Framing::until_close, 0},
      {"HEAD with length", Method::head, ok("Content-Length: 3\r\n"), "ok", Framing::none, 0},
      {"HEAD with chunked", Method::head, ok("Transfer-Encoding: chunked\r\n"), "ok", Framing::none,
       0},
      {"HEAD with neither", Method::head, ok(""), "ok", Framing::none, 0},
      {"HEAD with a bad length", Method::head, ok("Content-Length: x\r\n"), bad, {}, 0},
      {"204", Method::get, "HTTP/1.1 204 No Content\r\n\r\n", "ok", Framing::none, 0},
      {"204 with length", Method::get, "HTTP/1.1 204 x\r\nContent-Length: 3\r\n\r\n", "ok",
       Framing::none, 0},
      {"204 chunked",
       Method::get,
       "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n",
       bad,
       {},
       0},
      {"304 with length", Method::get, "HTTP/1.1 304 x\r\nContent-Length: 3\r\n\r\n", "ok",
       Framing::none, 0},
      {"304 chunked", Method::get, "HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n", "ok",
       Framing::none, 0},
      {"100", Method::get, "HTTP/1.1 100 Continue\r\n\r\n", "ok", Framing::none, 0},
      {"103", Method::get, "HTTP/1.1 103 x\r\nLink: y\r\n\r\n", "ok", Framing::none, 0},
      {"101", Method::get, "HTTP/1.1 101 x\r\nConnection: upgrade\r\n\r\n", "ok", Framing::none, 0},
      {"103 chunked",
       Method::get,
       "HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n\r\n",
       bad,
       {},
       0},
      {"205 with neither", Method::get, "HTTP/1.1 205 x\r\n\r\n", "ok", Framing::until_close, 0},
      {"both", Method::get, ok("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), bad, {}, 0},
      {"gzip, chunked", Method::get, ok("Transfer-Encoding: gzip, chunked\r\n"), bad, {}, 0},
      {"identity", Method::get, ok("Transfer-Encoding: identity\r\n"), bad, {}, 0},
      {"chunked twice",
       Method::get,
       ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
       bad,
       {},
       0},
      {"chunked in HTTP/1.0",
       Method::get,
       "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       bad,
       {},
       0},
      {"length twice", Method::get, ok("Content-Length: 3\r\nContent-Length: 3\r\n"), bad, {}, 0},
      {"list of lengths", Method::get, ok("Content-Length: 3, 3\r\n"), bad, {}, 0},
      {"signed length", Method::get, ok("Content-Length: +3\r\n"), bad, {}, 0},
  };
  for (const auto& row : rows) {
    const ParsedResponse parsed = parse_response(row.bytes, row.method);
    EXPECT_EQ(parsed.outcome, row.outcome) << row.name;
    EXPECT_EQ(outcome_in_pieces(row.bytes, row.method, {}), row.outcome) << row.name;
    if (parsed.outcome != "ok") continue;
    EXPECT_EQ(parsed.head.framing, row.framing) << row.name;
    EXPECT_EQ(parsed.head.content_length, row.length) << row.name;
  }
  EXPECT_EQ(parse_response(ok("Content-Length: 3\r\n"), Method::head)
                .head.headers.get(FieldId::content_length),
            "3");
}

TEST(ResponseHead, KeepAlive) {
  const struct {
    std::string name;
    std::string bytes;
    bool keep_alive;
  } rows[] = {
      {"1.1 with length", ok("Content-Length: 0\r\n"), true},
      {"1.1 close", ok("Content-Length: 0\r\nConnection: close\r\n"), false},
      {"1.1 until close", ok(""), false},
      {"1.1 until close, whatever it says", ok("Connection: keep-alive\r\n"), false},
      {"1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false},
      {"1.0 keep-alive", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
       true},
      {"204", "HTTP/1.1 204 x\r\n\r\n", true},
  };
  for (const auto& row : rows) {
    const ParsedResponse parsed = parse_response(row.bytes);
    EXPECT_EQ(parsed.outcome, "ok") << row.name;
    EXPECT_EQ(parsed.head.keep_alive, row.keep_alive) << row.name;
  }
}

TEST(ResponseHead, OneParserAMessageOneHeadForAll) {
  const std::string bytes = "HTTP/1.1 103 x\r\nLink: y\r\n\r\n" + ok("Content-Length: 1\r\n");
  ResponseHead head;
  const Consumed first = ResponseHeadParser({}, Method::get).parse(bytes, head);
  ASSERT_TRUE(first);
  EXPECT_TRUE(head.headers.contains("link"));
  ASSERT_TRUE(ResponseHeadParser({}, Method::get).parse(bytes.substr(*first), head));
  EXPECT_EQ(head.status, 200);
  EXPECT_FALSE(head.headers.contains("link"));
}

TEST(ResponseHead, ABareLfEndsALineWhereItIsForgiven) {
  HeadLimits lenient;
  lenient.bare_lf = true;
  check_all({{"all lines", "HTTP/1.1 200 OK\nA: b\nContent-Length: 0\n\n", "ok"},
             {"no phrase", "HTTP/1.1 200\nA: b\n\n", "ok"},
             {"an empty phrase", "HTTP/1.1 200 \n\n", "ok"},
             {"mixed", "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\n", "ok"},
             {"an empty value", "HTTP/1.1 200 OK\nA:\n\n", "ok"},
             {"cut", "HTTP/1.1 200 OK\nA: b\n", "more"},
             {"no colon", "HTTP/1.1 200 OK\nA\n\n", bad},
             {"a fold", "HTTP/1.1 200 OK\nA: b\n c\n\n", bad},
             {"a bare CR", "HTTP/1.1 200 OK\nA: b\rC: d\n\n", bad},
             {"CR CR LF", "HTTP/1.1 200 OK\nA: b\r\r\n\n", bad},
             {"CR before the empty line", "HTTP/1.1 200 OK\nA: b\n\rX", bad},
             {"NUL", "HTTP/1.1 200 OK\nA: \0\n\n"s, bad}},
            lenient);
  struct Told {
    const char* bytes;
    bool had;
  };
  for (const Told& row :
       {Told{"HTTP/1.1 200 OK\nA: b\r\n\r\n", true}, Told{"HTTP/1.1 200 OK\r\nA: b\n\r\n", true},
        Told{"HTTP/1.1 200 OK\r\nA: b\r\n\n", true},
        Told{"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", false}}) {
    ResponseHead head;
    ResponseHeadParser parser(lenient, Method::get);
    ASSERT_TRUE(parser.parse(row.bytes, head)) << row.bytes;
    EXPECT_EQ(parser.had_bare_lf(), row.had) << row.bytes;
    EXPECT_EQ(head.headers.get("a"), "b") << row.bytes;
  }
}

}  // namespace
}  // namespace weir::codec::h1
