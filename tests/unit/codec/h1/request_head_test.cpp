#include <gtest/gtest.h>

#include <string>

#include "codec/h1/request_rows.hpp"

namespace weir::codec::h1 {
namespace {

using namespace std::string_literals;

TEST(RequestHead, RequestLine) {
  check({
      {"plain", line("GET / HTTP/1.1"), "ok"},
      {"HTTP/1.0", line("GET / HTTP/1.0"), "ok"},
      {"unknown method", line("BREW /pot HTTP/1.1"), "ok"},
      {"method of odd tokens", line("M-SEARCH!#$ / HTTP/1.1"), "ok"},
      {"method of 256", line(std::string(256, 'M') + " / HTTP/1.1"), "ok"},
      {"method of 257", line(std::string(257, 'M') + " / HTTP/1.1"), "bad_request"},
      {"257 letters of a method", std::string(257, 'M'), "bad_request"},
      {"no method", line(" / HTTP/1.1"), "bad_request"},
      {"method not a token", line("GE(T / HTTP/1.1"), "bad_request"},
      {"method with NUL", line("GE\0T / HTTP/1.1"s), "bad_request"},
      {"tab after method", line("GET\t/ HTTP/1.1"), "bad_request"},
      {"two spaces before target", line("GET  / HTTP/1.1"), "bad_request"},
      {"two spaces after target", line("GET /  HTTP/1.1"), "bad_request"},
      {"tab after target", line("GET /\tHTTP/1.1"), "bad_request"},
      {"space at the end", line("GET / HTTP/1.1 "), "bad_request"},
      {"space in target", line("GET /a b HTTP/1.1"), "bad_request"},
      {"fragment", line("GET /a#b HTTP/1.1"), "bad_request"},
      {"fragment far behind", line("GET /" + std::string(40, 'a') + "#b HTTP/1.1"), "bad_request"},
      {"control in target", line("GET /\x01 HTTP/1.1"), "bad_request"},
      {"DEL in target", line("GET /\x7F HTTP/1.1"), "bad_request"},
      {"non-ASCII in target", line("GET /caf\xC3\xA9 HTTP/1.1"), "bad_request"},
      {"non-ASCII far behind", line("GET /" + std::string(40, 'a') + "\xFF HTTP/1.1"),
       "bad_request"},
      {"what browsers send raw", line("GET /a|b[c]{d}^`<>\"\\?e HTTP/1.1"), "ok"},
      {"HTTP/0.9", "GET /\r\n", "bad_request"},
      {"no version", line("GET / "), "bad_request"},
      {"version in lower case", line("GET / http/1.1"), "bad_request"},
      {"other protocol", line("GET / SIP/2.0"), "bad_request"},
      {"two digits", line("GET / HTTP/1.10"), "bad_request"},
      {"no minor", line("GET / HTTP/2"), "bad_request"},
      {"comma", line("GET / HTTP/1,1"), "bad_request"},
      {"HTTP/1.2", line("GET / HTTP/1.2"), "version_not_supported"},
      {"HTTP/0.9 spelled out", line("GET / HTTP/0.9"), "version_not_supported"},
      {"HTTP/2.0", line("GET / HTTP/2.0"), "version_not_supported"},
      {"HTTP/9.9", line("GET / HTTP/9.9"), "version_not_supported"},
      {"preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "version_not_supported"},
      {"cut in method", "GE", "more"},
      {"cut in target", "GET /abc", "more"},
      {"cut in version", "GET / HTTP/1.", "more"},
      {"cut before LF", "GET / HTTP/1.1\r", "more"},
      {"nothing", "", "more"},
      {"ClientHello", "\x16\x03\x01\x02"s, "bad_request"},
      {"first byte of it", "\x16"s, "more"},
      {"half of it", "\x16G"s, "bad_request"},
  });
  EXPECT_NE(parse("\x16\x03\x01").consumed.error().detail.find("TLS"), std::string::npos);
}

TEST(RequestHead, LineEnds) {
  check({
      {"bare LF after request line", "GET / HTTP/1.1\n", "bad_request"},
      {"bare LF after method", "GET\n", "bad_request"},
      {"bare LF in target", "GET /\n", "bad_request"},
      {"bare LF after field", "GET / HTTP/1.1\r\nHost: a\n", "bad_request"},
      {"bare LF after long value", "GET / HTTP/1.1\r\nA: " + std::string(40, 'x') + "\n",
       "bad_request"},
      {"bare LF in name", "GET / HTTP/1.1\r\nHo\n", "bad_request"},
      {"bare LF as empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n", "bad_request"},
      {"bare CR in version", "GET / HTTP/1.1\rX", "bad_request"},
      {"bare CR in target", "GET /\rX HTTP/1.1\r\n", "bad_request"},
      {"bare CR in value", "GET / HTTP/1.1\r\nA: b\rc\r\n", "bad_request"},
      {"bare CR in name", "GET / HTTP/1.1\r\nA\rb: c\r\n", "bad_request"},
      {"CR CR LF", "GET / HTTP/1.1\r\nA: b\r\r\n", "bad_request"},
      {"bare CR as empty line", "GET / HTTP/1.1\r\nA: b\r\n\rX", "bad_request"},
      {"one empty line first", "\r\n" + get(""), "ok"},
      {"two empty lines first", "\r\n\r\n" + get(""), "ok"},
      {"three empty lines first", "\r\n\r\n\r\n" + get(""), "bad_request"},
      {"bare LF first", "\n" + get(""), "bad_request"},
      {"bare CR first", "\rGET", "bad_request"},
      {"space first", " " + get(""), "bad_request"},
      {"only an empty line", "\r\n", "more"},
  });
  EXPECT_EQ(*parse("\r\n\r\n" + get("") + "rest").consumed, 4 + get("").size());
}

TEST(RequestHead, Fields) {
  check({
      {"no space after colon", get("A:b\r\n"), "ok"},
      {"tabs around value", get("A:\tb \t\r\n"), "ok"},
      {"empty value", get("A:\r\nB: \r\n"), "ok"},
      {"obs-text", get("A: caf\xC3\xA9\xFF\r\n"), "ok"},
      {"tab within", get("A: b\tc\r\n"), "ok"},
      {"odd token", get("!#$%&'*+-.^`|~09: x\r\n"), "ok"},
      {"folded", get("A: b\r\n c\r\n"), "bad_request"},
      {"folded with a tab", get("A: b\r\n\tc\r\n"), "bad_request"},
      {"white space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "bad_request"},
      {"space before colon", get("A : b\r\n"), "bad_request"},
      {"tab before colon", get("A\t: b\r\n"), "bad_request"},
      {"no colon", get("A\r\n"), "bad_request"},
      {"empty name", get(": b\r\n"), "bad_request"},
      {"space in name", get("A B: c\r\n"), "bad_request"},
      {"non-token name", get("A(B): c\r\n"), "bad_request"},
      {"non-ASCII name", get("\xC3\xA9: c\r\n"), "bad_request"},
      {"NUL in name", get("A\0: c\r\n"s), "bad_request"},
      {"NUL in value", get("A: b\0c\r\n"s), "bad_request"},
      {"NUL in long value", get("A: " + std::string(40, 'x') + "\0c\r\n"s), "bad_request"},
      {"VT in value", get("A: b\x0B\r\n"), "bad_request"},
      {"DEL in value", get("A: b\x7F\r\n"), "bad_request"},
      {"escape in value", get("A: \x1B[1m\r\n"), "bad_request"},
  });
}

TEST(RequestHead, FieldsAreKeptAsTheyCame) {
  const Parsed parsed = parse("GET / HTTP/1.1\r\nhOST: A\r\nX-One:\t 1 \r\nx-one: \r\n\r\nbody");
  ASSERT_EQ(outcome(parsed.consumed), "ok");
  ASSERT_EQ(parsed.head.headers.size(), 3U);
  EXPECT_EQ(parsed.head.headers[0].name, "hOST");
  EXPECT_EQ(parsed.head.headers[0].id, FieldId::host);
  EXPECT_EQ(parsed.head.headers[1].name, "X-One");
  EXPECT_EQ(parsed.head.headers[1].value, "1");
  EXPECT_EQ(parsed.head.headers[1].id, FieldId::other);
  EXPECT_EQ(parsed.head.headers[2].value, "");
}

TEST(RequestHead, Limits) {
  HeadLimits limits;
  limits.uri_size = 10;
  limits.header_size = 200;
  limits.header_count = 3;
  const auto of_size = [](std::size_t size) { return "/" + std::string(size - 1, 'a'); };
  check(
      {
          {"target of 10", line("GET " + of_size(10) + " HTTP/1.1"), "ok"},
          {"target of 11", line("GET " + of_size(11) + " HTTP/1.1"), "uri_too_long"},
          {"target without end", "GET " + of_size(11), "uri_too_long"},
          {"target of 10, cut", "GET " + of_size(10), "more"},
          {"three fields", get("A: b\r\nC: d\r\n"), "ok"},
          {"four fields", get("A: b\r\nC: d\r\nE: f\r\n"), "headers_too_large"},
          {"first byte of the fourth", "GET / HTTP/1.1\r\n" + host + "A: b\r\nC: d\r\nE",
           "headers_too_large"},
          // 14 + 32 of the request line, 7 + 32 of Host, 32 of the field: 83 bytes are left for it.
          {"all the room", get("A: " + std::string(80, 'x') + "\r\n"), "ok"},
          {"one byte more", get("A: " + std::string(81, 'x') + "\r\n"), "headers_too_large"},
          {"a value without end", "GET / HTTP/1.1\r\n" + host + "A: " + std::string(81, 'x'),
           "headers_too_large"},
          {"a name without end", "GET / HTTP/1.1\r\n" + host + std::string(84, 'x'),
           "headers_too_large"},
          {"a name, cut at the limit", "GET / HTTP/1.1\r\n" + host + std::string(83, 'x'), "more"},
          {"no room for a field", get("A: " + std::string(60, 'x') + "\r\nB: \r\n"),
           "headers_too_large"},
      },
      limits);
  limits.uri_size = 1000;
  check(
      {{"a request line too long", line("GET " + of_size(160) + " HTTP/1.1"), "headers_too_large"},
       {"a target past everything", "GET " + of_size(200), "headers_too_large"}},
      limits);
}

TEST(RequestHead, TargetForms) {
  const struct {
    std::string name;
    std::string request_line;
    std::string outcome;
    std::string path;
    std::string query;
  } rows[] = {
      {"origin", "GET /a/b?c=d?e HTTP/1.1", "ok", "/a/b", "c=d?e"},
      {"empty query", "GET /a? HTTP/1.1", "ok", "/a", ""},
      {"absolute", "GET http://a/x?y HTTP/1.1", "ok", "/x", "y"},
      {"absolute, any case", "GET HTTP://A/x HTTP/1.1", "ok", "/x", ""},
      {"absolute https", "GET https://a:443/x HTTP/1.1", "ok", "/x", ""},
      {"absolute without a path", "GET http://a HTTP/1.1", "ok", "/", ""},
      {"absolute with a query only", "GET http://a?q HTTP/1.1", "ok", "/", "q"},
      {"default port", "GET http://a:80/ HTTP/1.1", "ok", "/", ""},
      {"trailing dot", "GET http://a./ HTTP/1.1", "ok", "/", ""},
      {"other host", "GET http://b/ HTTP/1.1", "ok", "/", ""},
      {"other port", "GET http://a:81/ HTTP/1.1", "ok", "/", ""},
      {"user information", "GET http://u@a/ HTTP/1.1", "bad_request", "", ""},
      {"no host", "GET http:///x HTTP/1.1", "bad_request", "", ""},
      {"malformed host", "GET http://a,b/ HTTP/1.1", "bad_request", "", ""},
      {"other scheme", "GET ftp://a/ HTTP/1.1", "bad_request", "", ""},
      {"asterisk", "OPTIONS * HTTP/1.1", "ok", "*", ""},
      {"asterisk through a proxy", "OPTIONS http://a HTTP/1.1", "ok", "*", ""},
      {"asterisk with GET", "GET * HTTP/1.1", "bad_request", "", ""},
      {"asterisk and more", "OPTIONS *a HTTP/1.1", "bad_request", "", ""},
      {"no slash", "GET a HTTP/1.1", "bad_request", "", ""},
      {"authority with GET", "GET a:80 HTTP/1.1", "bad_request", "", ""},
      {"query only", "GET ?a HTTP/1.1", "bad_request", "", ""},
      {"CONNECT", "CONNECT a:443 HTTP/1.1", "not_implemented", "", ""},
      {"CONNECT to a path", "CONNECT / HTTP/1.1", "not_implemented", "", ""},
      {"TRACE", "TRACE / HTTP/1.1", "not_implemented", "", ""},
      {"connect in lower case is any method", "connect / HTTP/1.1", "ok", "/", ""},
  };
  for (const auto& row : rows) {
    const Parsed parsed = parse(line(row.request_line));
    EXPECT_EQ(outcome(parsed.consumed), row.outcome) << row.name;
    EXPECT_EQ(outcome_in_pieces(line(row.request_line), {}), row.outcome) << row.name;
    if (outcome(parsed.consumed) != "ok") continue;
    EXPECT_EQ(parsed.head.path, row.path) << row.name;
    EXPECT_EQ(parsed.head.query, row.query) << row.name;
    EXPECT_EQ(parsed.head.has_query, row.request_line.find('?') != std::string::npos) << row.name;
    EXPECT_EQ(parsed.head.scheme, Scheme::http) << row.name;
  }
}

TEST(RequestHead, Underscores) {
  const std::string bytes = get("X_Forwarded_For: 1.2.3.4\r\nB: c\r\n");
  const Parsed rejected = parse(bytes);
  ASSERT_EQ(outcome(rejected.consumed), "bad_request");
  EXPECT_NE(rejected.consumed.error().detail.find("X_Forwarded_For"), std::string::npos);
  HeadLimits limits;
  limits.underscores = Underscores::drop;
  EXPECT_EQ(parse(bytes, limits).head.headers.size(), 2U);
  EXPECT_FALSE(parse(bytes, limits).head.headers.contains("X_Forwarded_For"));
  check({{"drop", bytes, "ok"}}, limits);
  limits.underscores = Underscores::keep;
  EXPECT_EQ(parse(bytes, limits).head.headers.get("x_forwarded_for"), "1.2.3.4");
  check({{"keep", bytes, "ok"}}, limits);
  check({{"reject", bytes, "bad_request"}});
}

TEST(RequestHead, DetailsCarryNoHostileBytes) {
  for (const std::string& bytes :
       {get("A\x1B[31m: b\r\n"), get("A: b\0\r\n"s), line("G\x1BT / HTTP/1.1"),
        line("GET /\x1B HTTP/1.1"), get("Expect: '\xFF\xC2\x9B\r\n")}) {
    const Parsed parsed = parse(bytes);
    ASSERT_FALSE(parsed.consumed);
    for (const char c : parsed.consumed.error().detail) {
      EXPECT_TRUE(c >= 0x20 && c < 0x7F) << parsed.consumed.error().detail;
    }
  }
}

TEST(RequestHead, OwnsItsTextsAndConsumesNoMore) {
  std::string bytes = "POST /x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET";
  RequestHead head;
  RequestHeadParser parser{HeadLimits{}};
  const Consumed consumed = parser.parse(bytes, head);
  ASSERT_TRUE(consumed);
  EXPECT_EQ(bytes.substr(*consumed), "hiGET");
  bytes.assign(bytes.size(), '#');
  EXPECT_EQ(head.method_text, "POST");
  EXPECT_EQ(head.target, "/x?y");
  EXPECT_EQ(head.host, "a");
  EXPECT_EQ(head.headers.get(FieldId::content_length), "2");
}

TEST(RequestHead, WhatWasReadStaysForTheLogAfterARefusal) {
  std::string bytes = "GET /x HTTP/1.1\r\nHost: a\r\nbad field\r\n\r\n";
  RequestHead head;
  RequestHeadParser parser{HeadLimits{}};
  ASSERT_FALSE(parser.parse(bytes, head));
  bytes.assign(bytes.size(), '#');
  EXPECT_EQ(head.path, "/x");
  EXPECT_EQ(head.headers.get(FieldId::host), "a");
}

HeadLimits encoding(std::size_t uri_size = 1024) {
  HeadLimits limits;
  limits.uri_size = uri_size;
  limits.encode_raw_target = true;
  return limits;
}

TEST(RequestHead, RawBytesOfATargetWhereTheyAreEncoded) {
  check({{"UTF-8", line("GET /caf\xC3\xA9 HTTP/1.1"), "ok"},
         {"no UTF-8", line("GET /\xFF?\x80 HTTP/1.1"), "ok"},
         {"far behind", line("GET /" + std::string(40, 'a') + "\xFF HTTP/1.1"), "ok"},
         {"in the host", line("GET http://\xC3\xA9/ HTTP/1.1"), "bad_request"},
         {"a control", line("GET /\xC3\x01 HTTP/1.1"), "bad_request"},
         {"DEL", line("GET /\xC3\x7F HTTP/1.1"), "bad_request"},
         {"a fragment", line("GET /\xC3#\xC3 HTTP/1.1"), "bad_request"},
         {"in the method", line("G\xC3T / HTTP/1.1"), "bad_request"},
         {"in the version", line("GET / HTTP/1.\xC3"), "bad_request"}},
        encoding());
  const Parsed parsed = parse(line("GET /a\xC3\xA9?\xFF%20 HTTP/1.1"), encoding());
  EXPECT_EQ(parsed.head.target, "/a%C3%A9?%FF%20");
  EXPECT_EQ(parsed.head.path, "/a%C3%A9");
  EXPECT_EQ(parsed.head.query, "%FF%20");
  EXPECT_TRUE(parsed.head.raw_target);
  EXPECT_FALSE(parse(line("GET /a%C3 HTTP/1.1"), encoding()).head.raw_target);
}

TEST(RequestHead, AnEncodedTargetIsBoundedByWhatItBecame) {
  check({{"fits", line("GET /\xC3\xC3\xC3 HTTP/1.1"), "ok"},
         {"does not", line("GET /\xC3\xC3\xC3\xC3 HTTP/1.1"), "uri_too_long"}},
        encoding(10));
}

}  // namespace
}  // namespace weir::codec::h1
