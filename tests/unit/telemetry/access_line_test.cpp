#include "telemetry/access_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace weir::telemetry {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr WallTime noon =
    std::chrono::sys_days{std::chrono::January / 2 / 2026} + 12h + 34min + 56s + 7us;

class AccessLineTest : public testing::Test {
 protected:
  std::string line() {
    std::string out(AccessLine::longest, '#');
    const char* const end = writer.write(out.data(), noon, record, policy);
    out.resize(static_cast<std::size_t>(end - out.data()));
    return out;
  }
  std::string combined() {
    policy.format = config::AccessLogFormat::combined;
    return line();
  }

  AccessLine writer;
  AccessPolicy policy;
  AccessRecord record;
};

TEST_F(AccessLineTest, JsonHasEveryFieldInOrder) {
  const auto peer = SocketAddress::parse("10.1.2.3:4567").value();
  record.request_id = "id-1";
  record.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  record.listener = "http";
  record.protocol = "HTTP/1.1";
  record.client_ip = IpAddress::parse("192.0.2.1").value();
  record.peer = &peer;
  record.method = "GET";
  record.host = "api.example.com";
  record.path = "/orders/7";
  record.query = "a=1&b";
  record.status = 503;
  record.reason = Reason::pool_full;
  record.route = "orders";
  record.fallback = Reason::circuit_open;
  record.upstream = "orders-v1";
  record.endpoint = "10.0.0.1:8080";
  record.attempts = 2;
  record.duration = 12'345'678ns;
  record.head = 1ms;
  record.queue = 0ns;
  record.connect = 499ns;
  record.bytes_in = 1;
  record.bytes_out = 18'446'744'073'709'551'615U;
  record.user_agent = "curl/8";
  record.referer = "http://r/?token=x";
  record.tls_version = "TLSv1.3";
  record.sni = "api.example.com";
  record.user = "ann";
  record.limit_key = "tenant-7";
  record.grpc_status = 14;
  record.detail = "all connections are in use";
  EXPECT_EQ(
      line(),
      R"({"time":"2026-01-02T12:34:56.000007Z","request_id":"id-1",)"
      R"("trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","listener":"http","protocol":"HTTP/1.1",)"
      R"("client_ip":"192.0.2.1","peer":"10.1.2.3:4567","method":"GET","host":"api.example.com",)"
      R"("path":"/orders/7","query":"a=1&b","status":503,"reason":"pool_full","route":"orders",)"
      R"("fallback":true,"fallback_reason":"circuit_open",)"
      R"("upstream":"orders-v1","endpoint":"10.0.0.1:8080","attempts":2,"duration_ms":12.346,)"
      R"("head_ms":1.000,"queue_ms":0.000,"connect_ms":0.000,"bytes_in":1,)"
      R"("bytes_out":18446744073709551615,"user_agent":"curl/8","referer":"http://r/?token=x",)"
      R"("tls_version":"TLSv1.3","sni":"api.example.com","user":"ann","limit_key":"tenant-7",)"
      R"("grpc_status":14,"detail":"all connections are in use"})"
      "\n");
}

TEST_F(AccessLineTest, JsonOmitsWhatIsAbsent) {
  record.reason = Reason::client_timeout;
  record.status = 408;
  EXPECT_EQ(line(), R"({"time":"2026-01-02T12:34:56.000007Z","client_ip":"unix","method":"-",)"
                    R"("status":408,"reason":"client_timeout","duration_ms":0.000,"bytes_in":0,)"
                    R"("bytes_out":0})"
                    "\n");
}

TEST_F(AccessLineTest, JsonHasTheTriesAndNotMoreThanAreTold) {
  const std::vector<TryRecord> tries(most_tries_told + 3,
                                     {"unix:/tmp/\"x", "connect_failed", 1'500us});
  record.tries = std::span(tries).first(2);
  EXPECT_THAT(line(), HasSubstr(R"(,"tries":[{"endpoint":"unix:/tmp/\"x","result":)"
                                R"("connect_failed","ms":1.500},{"endpoint":"unix:/tmp/\"x",)"
                                R"("result":"connect_failed","ms":1.500}],"bytes_in":0,)"));
  record.tries = tries;
  const std::string written = line();
  std::size_t told = 0;
  for (std::size_t at = 0; (at = written.find("\"ms\":", at)) != std::string::npos; ++at) ++told;
  EXPECT_EQ(told, most_tries_told);
}

TEST_F(AccessLineTest, PeersOfEachFamily) {
  for (const std::string_view text : {"1.2.3.4:80", "[2001:db8::1]:443", "unix:/run/x.sock"}) {
    const auto peer = SocketAddress::parse(text).value();
    record.peer = &peer;
    EXPECT_THAT(line(), HasSubstr("\"peer\":\"" + std::string(text) + "\""));
  }
}

struct Forgery {
  const char* name;
  std::string_view text;
};

class ForgingTest : public AccessLineTest, public testing::WithParamInterface<Forgery> {};

TEST_P(ForgingTest, NothingEndsItsFieldOrTheLine) {
  const std::string_view text = GetParam().text;
  const auto peer = SocketAddress::parse("unix:/tmp/\"x").value();
  record.peer = &peer;
  record.request_id = record.method = record.host = record.path = record.query = text;
  record.user_agent = record.referer = record.user = record.sni = record.protocol = text;
  record.limit_key = record.detail = text;
  for (const auto format : {config::AccessLogFormat::json, config::AccessLogFormat::combined}) {
    policy.format = format;
    const std::string written = line();
    EXPECT_EQ(std::ranges::count(written, '\n'), 1);
    EXPECT_EQ(written.back(), '\n');
    for (const char c : std::string_view(written).substr(0, written.size() - 1)) {
      EXPECT_GE(static_cast<unsigned char>(c), 0x20);
      EXPECT_NE(c, '\x7f');
    }
    EXPECT_THAT(written, Not(HasSubstr("\",\"status\":200,\"x\":\"")));
    EXPECT_THAT(written, Not(HasSubstr("\" 200 0 \"")));
    EXPECT_THAT(written, Not(HasSubstr("\xC2\x9b")));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Attempts, ForgingTest,
    testing::Values(Forgery{"newline", "a\n{\"time\":\"x\"}"}, Forgery{"return", "a\rb"},
                    Forgery{"quote", "a\",\"status\":200,\"x\":\""},
                    Forgery{"combined_quote", "/ HTTP/1.1\" 200 0 \"-\" \"-\""},
                    Forgery{"backslash", "a\\"}, Forgery{"escape", "\x1b[31mred"},
                    Forgery{"c1",
                            "\xC2\x9b"
                            "31m"},
                    Forgery{"line_separator", "\xE2\x80\xA8"},
                    Forgery{"invalid_utf8", "\xff\xfe\xc3\x28"},
                    Forgery{"overlong", "\xc0\x8a\xe0\x80\x8a"},
                    Forgery{"nul", std::string_view("a\0b", 3)}, Forgery{"delete", "a\x7f"}),
    [](const auto& row) { return row.param.name; });

TEST_F(AccessLineTest, LongTextsAreCutAndNoLineIsTooLong) {
  const std::string hostile(100'000, '\x01');
  record.request_id = record.trace_id = record.listener = record.protocol = record.method =
      record.host = record.path = record.query = record.route = record.upstream = record.endpoint =
          record.user_agent = record.referer = record.tls_version = record.sni = record.user =
              hostile;
  EXPECT_LE(line().size(), AccessLine::longest);
  EXPECT_LE(combined().size(), AccessLine::longest);
  policy.format = config::AccessLogFormat::json;
  const std::string path(5000, 'p');
  record = {};
  record.path = path;
  record.host = path;
  EXPECT_THAT(line(), HasSubstr("\"path\":\"" + std::string(2048, 'p') + "\""));
  EXPECT_THAT(line(), HasSubstr("\"host\":\"" + std::string(512, 'p') + "\""));
}

TEST_F(AccessLineTest, Combined) {
  record.client_ip = IpAddress::parse("2001:db8::1").value();
  record.method = "GET";
  record.path = "/a";
  record.query = "b=\"";
  record.protocol = "HTTP/1.1";
  record.status = 200;
  record.bytes_out = 5;
  record.user = "al ice";
  record.user_agent = "x\n";
  EXPECT_EQ(combined(),
            R"(2001:db8::1 - al\x20ice [02/Jan/2026:12:34:56 +0000] "GET /a?b=\x22 HTTP/1.1" )"
            R"(200 5 "-" "x\x0A")"
            "\n");
}

TEST_F(AccessLineTest, CombinedWithoutAHead) {
  record.client_ip = IpAddress::parse("127.0.0.1").value();
  EXPECT_EQ(combined(), "127.0.0.1 - - [02/Jan/2026:12:34:56 +0000] \"-\" 000 0 \"-\" \"-\"\n");
}

TEST_F(AccessLineTest, QueryPoliciesGoForTheRefererToo) {
  record.query = "a=1&token=secret";
  record.referer = "http://r/p?sig=secret&b=2";
  policy.query = config::QueryPolicy::redact;
  EXPECT_THAT(line(), HasSubstr(R"("query":"a=1&token=REDACTED")"));
  EXPECT_THAT(line(), HasSubstr(R"("referer":"http://r/p?sig=REDACTED&b=2")"));
  policy.query = config::QueryPolicy::drop;
  EXPECT_THAT(line(), Not(HasSubstr("query")));
  EXPECT_THAT(line(), HasSubstr(R"("referer":"http://r/p")"));
  EXPECT_THAT(combined(), Not(HasSubstr("secret")));
}

TEST_F(AccessLineTest, TheSecondsTextFollowsTheTime) {
  std::string out(AccessLine::longest, '#');
  writer.write(out.data(), noon, record, policy);
  writer.write(out.data(), noon + 4s, record, policy);
  EXPECT_THAT(out, HasSubstr("12:35:00.000007Z"));
  writer.write(out.data(), noon, record, policy);
  EXPECT_THAT(out, HasSubstr("12:34:56.000007Z"));
}

}  // namespace
}  // namespace weir::telemetry
