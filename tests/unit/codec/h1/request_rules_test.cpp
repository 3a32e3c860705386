#include <gtest/gtest.h>

#include <string>

#include "codec/h1/request_rows.hpp"

namespace weir::codec::h1 {
namespace {

TEST(RequestRules, Host) {
  const struct {
    std::string name;
    std::string fields;
    std::string outcome;
    std::string host;
  } rows[] = {
      {"name", "Host: example.com\r\n", "ok", "example.com"},
      {"upper case", "Host: EXAMPLE.com\r\n", "ok", "example.com"},
      {"port", "Host: example.com:8080\r\n", "ok", "example.com"},
      {"empty port", "Host: example.com:\r\n", "ok", "example.com"},
      {"trailing dot", "Host: Example.com.:1\r\n", "ok", "example.com"},
      {"IPv4", "Host: 127.0.0.1:80\r\n", "ok", "127.0.0.1"},
      {"IPv6", "Host: [::1]\r\n", "ok", "[::1]"},
      {"IPv6 and port", "Host: [2001:DB8::1]:8443\r\n", "ok", "[2001:db8::1]"},
      {"underscore", "Host: my_service\r\n", "ok", "my_service"},
      {"escape", "Host: a%2Db\r\n", "ok", "a%2db"},
      {"none", "", "bad_request", ""},
      {"empty", "Host:\r\n", "bad_request", ""},
      {"dot", "Host: .\r\n", "bad_request", ""},
      {"port only", "Host: :80\r\n", "bad_request", ""},
      {"twice", "Host: a\r\nHost: a\r\n", "bad_request", ""},
      {"twice, different", "Host: a\r\nhost: b\r\n", "bad_request", ""},
      {"list", "Host: a, b\r\n", "bad_request", ""},
      {"comma", "Host: a,b\r\n", "bad_request", ""},
      {"space", "Host: a b\r\n", "bad_request", ""},
      {"slash", "Host: a/b\r\n", "bad_request", ""},
      {"user information", "Host: u@a\r\n", "bad_request", ""},
      {"question mark", "Host: a?b\r\n", "bad_request", ""},
      {"non-ASCII", "Host: caf\xC3\xA9\r\n", "bad_request", ""},
      {"bad escape", "Host: a%2\r\n", "bad_request", ""},
      {"port too large", "Host: a:65536\r\n", "bad_request", ""},
      {"port of letters", "Host: a:b\r\n", "bad_request", ""},
      {"port with sign", "Host: a:+80\r\n", "bad_request", ""},
      {"port of six digits", "Host: a:000080\r\n", "bad_request", ""},
      {"two ports", "Host: a:1:2\r\n", "bad_request", ""},
      {"IPv6 without brackets", "Host: ::1\r\n", "bad_request", ""},
      {"bracket not closed", "Host: [::1\r\n", "bad_request", ""},
      {"IPv4 in brackets", "Host: [1.2.3.4]\r\n", "bad_request", ""},
      {"zone", "Host: [fe80::1%25eth0]\r\n", "bad_request", ""},
      {"something after brackets", "Host: [::1]a\r\n", "bad_request", ""},
  };
  for (const auto& row : rows) {
    const Parsed parsed = parse("GET / HTTP/1.1\r\n" + row.fields + "\r\n");
    EXPECT_EQ(outcome(parsed.consumed), row.outcome) << row.name;
    if (row.outcome != "ok") continue;
    EXPECT_EQ(parsed.head.host, row.host) << row.name;
  }
  check({
      {"HTTP/1.0 without", "GET / HTTP/1.0\r\n\r\n", "ok"},
      {"HTTP/1.0 with a bad one", "GET / HTTP/1.0\r\nHost: a b\r\n\r\n", "bad_request"},
      {"HTTP/1.0 with two", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "bad_request"},
      {"HTTP/1.0, absolute, without", "GET http://a/ HTTP/1.0\r\n\r\n", "ok"},
      {"HTTP/1.1, absolute, without", "GET http://a/ HTTP/1.1\r\n\r\n", "bad_request"},
  });
}

TEST(RequestRules, AnAbsoluteTargetWins) {
  const Parsed parsed = parse("GET http://Example.com:80/ HTTP/1.1\r\nHost: example.COM\r\n\r\n");
  ASSERT_EQ(outcome(parsed.consumed), "ok");
  EXPECT_EQ(parsed.head.authority, "Example.com:80");
  EXPECT_EQ(parsed.head.host, "example.com");
  EXPECT_EQ(parsed.head.headers.get(FieldId::host), "Example.com:80");
  EXPECT_EQ(parse("GET http://b/ HTTP/1.0\r\n\r\n").head.host, "b");

  const Parsed other = parse("GET http://b:81/ HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_EQ(outcome(other.consumed), "ok");
  EXPECT_EQ(other.head.host, "b");
  EXPECT_EQ(other.head.headers.count(FieldId::host), 1u);
  EXPECT_EQ(other.head.headers.get(FieldId::host), "b:81");
}

TEST(RequestRules, Framing) {
  const struct {
    std::string name;
    std::string fields;
    std::string outcome;
    Framing framing;
    std::uint64_t length;
  } rows[] = {
      {"neither", "", "ok", Framing::none, 0},
      {"length", "Content-Length: 5\r\n", "ok", Framing::length, 5},
      {"length zero", "Content-Length: 0\r\n", "ok", Framing::length, 0},
      {"largest", "Content-Length: 9223372036854775807\r\n", "ok", Framing::length, ~0ULL >> 1},
      {"2 to the 63", "Content-Length: 9223372036854775808\r\n", "bad_request", {}, 0},
      {"64 bits", "Content-Length: 18446744073709551615\r\n", "bad_request", {}, 0},
      {"overflow", "Content-Length: 18446744073709551616\r\n", "bad_request", {}, 0},
      {"plus", "Content-Length: +5\r\n", "bad_request", {}, 0},
      {"minus", "Content-Length: -5\r\n", "bad_request", {}, 0},
      {"hex", "Content-Length: 0x5\r\n", "bad_request", {}, 0},
      {"empty length", "Content-Length:\r\n", "bad_request", {}, 0},
      {"space within", "Content-Length: 5 5\r\n", "bad_request", {}, 0},
      {"list", "Content-Length: 5, 6\r\n", "bad_request", {}, 0},
      {"list of equals", "Content-Length: 5, 5\r\n", "bad_request", {}, 0},
      {"twice", "Content-Length: 5\r\nContent-Length: 6\r\n", "bad_request", {}, 0},
      {"twice the same", "Content-Length: 5\r\ncontent-length: 5\r\n", "bad_request", {}, 0},
      {"fraction", "Content-Length: 5.0\r\n", "bad_request", {}, 0},
      {"chunked", "Transfer-Encoding: chunked\r\n", "ok", Framing::chunked, 0},
      {"chunked in any case", "TRANSFER-encoding:cHuNkEd \r\n", "ok", Framing::chunked, 0},
      {"gzip, chunked", "Transfer-Encoding: gzip, chunked\r\n", "not_implemented", {}, 0},
      {"three codings", "Transfer-Encoding: a,b ,chunked\r\n", "not_implemented", {}, 0},
      {"identity", "Transfer-Encoding: identity\r\n", "bad_request", {}, 0},
      {"identity, chunked", "Transfer-Encoding: identity, chunked\r\n", "bad_request", {}, 0},
      {"gzip", "Transfer-Encoding: gzip\r\n", "bad_request", {}, 0},
      {"xchunked", "Transfer-Encoding: xchunked\r\n", "bad_request", {}, 0},
      {"chunked, identity", "Transfer-Encoding: chunked, identity\r\n", "bad_request", {}, 0},
      {"chunked, gzip", "Transfer-Encoding: chunked, gzip\r\n", "bad_request", {}, 0},
      {"chunked, chunked", "Transfer-Encoding: chunked, chunked\r\n", "bad_request", {}, 0},
      {"leading comma", "Transfer-Encoding: ,chunked\r\n", "bad_request", {}, 0},
      {"trailing comma", "Transfer-Encoding: chunked,\r\n", "bad_request", {}, 0},
      {"parameter", "Transfer-Encoding: chunked;x\r\n", "bad_request", {}, 0},
      {"quoted", "Transfer-Encoding: \"chunked\"\r\n", "bad_request", {}, 0},
      {"empty", "Transfer-Encoding:\r\n", "bad_request", {}, 0},
      {"tab before", "Transfer-Encoding:\tchunked\r\n", "bad_request", {}, 0},
      {"tab after", "Transfer-Encoding: chunked\t\r\n", "bad_request", {}, 0},
      {"VT before",
       "Transfer-Encoding: \x0B"
       "chunked\r\n",
       "bad_request",
       {},
       0},
      {"VT after", "Transfer-Encoding: chunked\x0B\r\n", "bad_request", {}, 0},
      {"space before colon", "Transfer-Encoding : chunked\r\n", "bad_request", {}, 0},
      {"twice",
       "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
       "bad_request",
       {},
       0},
      {"two lines",
       "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
       "bad_request",
       {},
       0},
      {"both, length first",
       "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
       "bad_request",
       {},
       0},
      {"both, coding first",
       "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
       "bad_request",
       {},
       0},
      {"both, unknown coding",
       "Transfer-Encoding: x\r\nContent-Length: 5\r\n",
       "bad_request",
       {},
       0},
  };
  for (const auto& row : rows) {
    const Parsed parsed = parse(post(row.fields));
    EXPECT_EQ(outcome(parsed.consumed), row.outcome) << row.name;
    EXPECT_EQ(outcome_in_pieces(post(row.fields), {}), row.outcome) << row.name;
    if (outcome(parsed.consumed) != "ok") continue;
    EXPECT_EQ(parsed.head.framing, row.framing) << row.name;
    EXPECT_EQ(parsed.head.content_length, row.length) << row.name;
  }
  check({{"coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
          "bad_request"},
         {"length in HTTP/1.0", "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n", "ok"}});
}

TEST(RequestRules, Expect) {
  const struct {
    std::string name;
    std::string bytes;
    std::string outcome;
    bool expected;
  } rows[] = {
      {"with content", post("Expect: 100-continue\r\nContent-Length: 1\r\n"), "ok", true},
      {"any case", post("expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n"), "ok", true},
      {"no content", get("Expect: 100-continue\r\n"), "ok", false},
      {"length zero", post("Expect: 100-continue\r\nContent-Length: 0\r\n"), "ok", false},
      {"other", post("Expect: 200-ok\r\n"), "expectation_failed", false},
      {"empty", post("Expect:\r\n"), "expectation_failed", false},
      {"list", post("Expect: 100-continue, x\r\n"), "expectation_failed", false},
      {"second one unknown", post("Expect: 100-continue\r\nExpect: x\r\n"), "expectation_failed",
       false},
      {"HTTP/1.0", "POST / HTTP/1.0\r\nExpect: x\r\nContent-Length: 1\r\n\r\n", "ok", false},
  };
  for (const auto& row : rows) {
    const Parsed parsed = parse(row.bytes);
    EXPECT_EQ(outcome(parsed.consumed), row.outcome) << row.name;
    EXPECT_EQ(parsed.head.expect_continue, row.expected) << row.name;
  }
}

TEST(RequestRules, Connection) {
  std::string names = "a";
  for (int i = 1; i < 32; ++i) names += ", a";
  const struct {
    std::string name;
    std::string bytes;
    std::string outcome;
    bool keep_alive;
  } rows[] = {
      {"1.1", get(""), "ok", true},
      {"1.1 close", get("Connection: close\r\n"), "ok", false},
      {"1.1 close among others", get("Connection: x, CLOSE ,y\r\n"), "ok", false},
      {"1.1 close in a second field", get("Connection: x\r\nConnection: close\r\n"), "ok", false},
      {"1.1 close and keep-alive", get("Connection: close, keep-alive\r\n"), "ok", false},
      {"1.1 xclose", get("Connection: xclose\r\n"), "ok", true},
      {"1.0", "GET / HTTP/1.0\r\n\r\n", "ok", false},
      {"1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "ok", true},
      {"1.0 keep-alive and close", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "ok",
       false},
      {"empty elements", get("Connection: , ,\r\n"), "ok", true},
      {"empty", get("Connection:\r\n"), "ok", true},
      {"no token", get("Connection: a b\r\n"), "bad_request", true},
      {"quoted", get("Connection: \"close\"\r\n"), "bad_request", true},
      {"32 names", get("Connection: " + names + "\r\n"), "ok", true},
      {"33 names", get("Connection: " + names + "\r\nConnection: b\r\n"), "bad_request", true},
  };
  for (const auto& row : rows) {
    const Parsed parsed = parse(row.bytes);
    EXPECT_EQ(outcome(parsed.consumed), row.outcome) << row.name;
    if (outcome(parsed.consumed) == "ok") {
      EXPECT_EQ(parsed.head.keep_alive, row.keep_alive) << row.name;
    }
  }
}

TEST(RequestRules, TeTrailers) {
  EXPECT_TRUE(parse(get("TE: trailers\r\n")).head.te_trailers);
  EXPECT_TRUE(parse(get("TE: gzip;q=1, Trailers\r\n")).head.te_trailers);
  EXPECT_FALSE(parse(get("TE: gzip\r\n")).head.te_trailers);
  EXPECT_FALSE(parse(get("")).head.te_trailers);
}

TEST(RequestRules, WebSocketHandshake) {
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const std::string version = "Sec-WebSocket-Version: 13\r\n";
  const std::string upgrade = "Upgrade: websocket\r\n";
  const std::string connection = "Connection: keep-alive, Upgrade\r\n";
  const struct {
    std::string name;
    std::string bytes;
    bool handshake;
  } rows[] = {
      {"complete", get(upgrade + connection + key + version), true},
      {"any case", get("UPGRADE: WebSocket\r\nConnection: UPGRADE\r\n" + key + version), true},
      {"POST", post(upgrade + connection + key + version), false},
      {"HTTP/1.0", "GET / HTTP/1.0\r\n" + upgrade + connection + key + version + "\r\n", false},
      {"content", get(upgrade + connection + key + version + "Content-Length: 1\r\n"), false},
      {"chunked", get(upgrade + connection + key + version + "Transfer-Encoding: chunked\r\n"),
       false},
      {"no upgrade", get(connection + key + version), false},
      {"not in Connection", get(upgrade + key + version), false},
      {"no key", get(upgrade + connection + version), false},
      {"no version", get(upgrade + connection + key), false},
      {"old version", get(upgrade + connection + key + "Sec-WebSocket-Version: 8\r\n"), false},
      {"two versions", get(upgrade + connection + key + version + version), false},
      {"two keys", get(upgrade + connection + key + key + version), false},
      {"key too short",
       get(upgrade + connection + "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n" + version), false},
      {"key no base64",
       get(upgrade + connection + "Sec-WebSocket-Key: dGhl*HNhbXBsZSBub25jZQ==\r\n" + version),
       false},
      {"two protocols", get("Upgrade: websocket, h2c\r\n" + connection + key + version), false},
      {"two upgrades", get(upgrade + upgrade + connection + key + version), false},
      {"h2c", get("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA\r\n"),
       false},
  };
  for (const auto& row : rows) {
    const Parsed parsed = parse(row.bytes);
    EXPECT_EQ(outcome(parsed.consumed), "ok") << row.name;
    EXPECT_EQ(parsed.head.upgrade_websocket, row.handshake) << row.name;
  }
}

}  // namespace
}  // namespace weir::codec::h1
