#include "weir/http/forwarded.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "weir/http/request_id.hpp"

namespace weir::test {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

HeaderMap map_of(const Fields& fields) {
  HeaderMap headers;
  for (const auto& [name, value] : fields) headers.add(name, value);
  return headers;
}

std::string names(const HeaderMap& headers) {
  std::string text;
  for (const HeaderMap::Field& field : headers) {
    if (!text.empty()) text += ' ';
    text += field.name;
  }
  return text;
}

TEST(StripUntrusted, EverySpelling) {
  const std::vector<std::string> extra{"x-user", "X-Claim-Sub"};
  struct Row {
    const char* field;
    bool stays;
  };
  const Row rows[] = {
      {"Forwarded", false},
      {"FORWARDED", false},
      {"X-Forwarded-For", false},
      {"x_forwarded_for", false},
      {"X-Forwarded_Proto", false},
      {"X-Forwarded-Host", false},
      {"X-Forwarded-Port", false},
      {"X-Forwarded-Prefix", false},
      {"x_FORWARDED-Anything", false},
      {"X-Forwarded-Client-Cert", false},
      {"X-Real-IP", false},
      {"x_real_ip", false},
      {"X-Client-IP", false},
      {"X_Client-IP", false},
      {"True-Client-IP", false},
      {"true_client_ip", false},
      {"X-Original-URL", false},
      {"X_ORIGINAL_URL", false},
      {"X-Rewrite-URL", false},
      {"X-Rewrite_URL", false},
      {"X-Request-Id", false},
      {"x_request_id", false},
      {"X-Request-Timeout", false},
      {"x_request_timeout", false},
      {"Proxy", false},
      {"X-User", false},
      {"x_user", false},
      {"x_claim_SUB", false},
      {"X-Forwarded", true},
      {"X-Forward-For", true},
      {"X-Requested-With", true},
      {"Proxy-Thing", true},
      {"X-Users", true},
      {"Host", true},
      {"Cookie", true},
      {"a_b", true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.field);
    HeaderMap headers = map_of({{"a", "1"}, {row.field, "2"}, {"b", "3"}});
    strip_untrusted(headers, extra);
    EXPECT_EQ(headers.size(), row.stays ? 3u : 2u);
  }
}

TEST(StripHopByHop, Rows) {
  struct Row {
    const char* name;
    Fields fields;
    std::string left;
  };
  std::string many = "x-secret";
  for (int i = 0; i < 100; ++i) many = "n" + std::to_string(i) + ", " + many;
  const std::vector<Row> rows{
      {"nothing to do", {{"Host", "a"}, {"Accept", "b"}}, "Host Accept"},
      {"hop by hop", {{"Keep-Alive", "1"}, {"TE", "trailers"}, {"Upgrade", "x"}, {"A", ""}}, "A"},
      {"named", {{"X-A", "1"}, {"Connection", "close, x-a"}, {"x-A", "2"}, {"B", ""}}, "B"},
      {"two lines", {{"Connection", "a"}, {"Connection", "b"}, {"A", ""}, {"B", ""}}, ""},
      {"known ones",
       {{"Connection", "authorization,Via"}, {"Authorization", "x"}, {"Via", "y"}},
       ""},
      {"never Host or Content-Length",
       {{"Connection", "host, content-length"}, {"Host", "a"}, {"Content-Length", "1"}},
       "Host Content-Length"},
      {"the forwarding ones can be named away",
       {{"Connection", "X-Forwarded-For"}, {"X-Forwarded-For", "1.2.3.4"}},
       ""},
      {"what belongs to a named one",
       {{"Connection", "traceparent"}, {"traceparent", "x"}, {"tracestate", "a=1"}, {"A", ""}},
       "A"},
      {"too many names", {{"Connection", many}, {"X-Secret", "1"}, {"Accept", "b"}}, "Accept"},
      {"close is no field of ours", {{"Connection", "close"}, {"X-A", "1"}}, "X-A"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    HeaderMap headers = map_of(row.fields);
    strip_hop_by_hop(headers);
    EXPECT_EQ(names(headers), row.left);
  }
}

TEST(ClientIp, Rows) {
  struct Row {
    const char* name;
    std::vector<std::string> lines;
    std::string found;
  };
  std::string long_list = "198.51.100.9";
  for (int i = 0; i < 64; ++i) long_list += ", 10.0.0.2";
  const std::vector<Row> rows{
      {"no field", {}, "10.0.0.1"},
      {"one", {"192.0.2.1"}, "192.0.2.1"},
      {"the right-most untrusted", {"198.51.100.1, 192.0.2.1, 10.0.0.2"}, "192.0.2.1"},
      {"lines join", {"192.0.2.1", "10.0.0.2,10.0.0.3"}, "192.0.2.1"},
      {"with a port", {"192.0.2.1:4711"}, "192.0.2.1"},
      {"IPv6", {"2001:db8::1"}, "2001:db8::1"},
      {"IPv6 with a port", {"[2001:db8::1]:443"}, "2001:db8::1"},
      {"mapped", {"::ffff:192.0.2.1"}, "192.0.2.1"},
      {"empty elements", {"192.0.2.1, , 10.0.0.2,"}, "192.0.2.1"},
      {"all trusted", {"10.0.0.3, 10.0.0.2"}, "10.0.0.1"},
      {"unknown ends the search", {"192.0.2.1, unknown, 10.0.0.2"}, "10.0.0.1"},
      {"but only to its left", {"garbage, 192.0.2.1"}, "192.0.2.1"},
      {"a bad port", {"192.0.2.1:99999"}, "10.0.0.1"},
      {"a port without digits", {"192.0.2.1:"}, "10.0.0.1"},
      {"brackets without a port", {"[2001:db8::1]"}, "2001:db8::1"},
      {"brackets that do not close", {"[2001:db8::1"}, "10.0.0.1"},
      {"something behind the brackets", {"[2001:db8::1]x"}, "10.0.0.1"},
      {"brackets and half a port", {"[2001:db8::1]:"}, "10.0.0.1"},
      {"a name", {"localhost"}, "10.0.0.1"},
      {"the 65th from the right", {long_list}, "10.0.0.1"},
  };
  const std::vector<Cidr> trusted{*Cidr::parse("10.0.0.0/8")};
  const IpAddress peer = *IpAddress::parse("10.0.0.1");
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    HeaderMap headers;
    for (const std::string& line : row.lines) headers.add("X-Forwarded-For", line);
    EXPECT_EQ(client_ip(headers, peer, true, trusted).to_string(), row.found);
    EXPECT_EQ(client_ip(headers, peer, false, trusted), peer);
  }
}

TEST(ClientScheme, Rows) {
  struct Row {
    std::vector<std::string_view> told;
    bool trusted;
    Scheme scheme;
  };
  for (const Row& row :
       {Row{{"https"}, true, Scheme::https}, Row{{"HTTPS"}, true, Scheme::https},
        Row{{"http"}, true, Scheme::http}, Row{{"https"}, false, Scheme::http},
        Row{{}, true, Scheme::http}, Row{{"wss"}, true, Scheme::https},
        Row{{"WSS"}, true, Scheme::https}, Row{{"ws"}, true, Scheme::http},
        Row{{"wss"}, false, Scheme::http}, Row{{"ftp"}, true, Scheme::http},
        Row{{"https, http"}, true, Scheme::http}, Row{{"http, https"}, true, Scheme::https},
        Row{{"http,wss , "}, true, Scheme::https}, Row{{"https, ftp"}, true, Scheme::http},
        Row{{"http", "https"}, true, Scheme::https}, Row{{"https", "http"}, true, Scheme::http},
        Row{{"https", ""}, true, Scheme::https}, Row{{","}, true, Scheme::http}}) {
    HeaderMap headers;
    for (const std::string_view value : row.told) headers.add("X-Forwarded-Proto", value);
    EXPECT_EQ(client_scheme(headers, Scheme::http, row.trusted), row.scheme);
  }
  HeaderMap headers;
  headers.add("X-Forwarded-Proto", "http");
  EXPECT_EQ(client_scheme(headers, Scheme::https, true), Scheme::http);
}

TEST(Traceparent, Rows) {
  struct Row {
    const char* name;
    std::string value;
    bool valid;
  };
  const std::string id = "-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const std::vector<Row> rows{
      {"version 00", "00" + id, true},
      {"version 00 and more", "00" + id + "-x", false},
      {"a later version", "cc" + id, true},
      {"a later version and more", "cc" + id + "-what", true},
      {"a later version, no dash", "cc" + id + ".what", false},
      {"version ff", "ff" + id, false},
      {"upper case", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false},
      {"zero trace", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", false},
      {"zero parent", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false},
      {"short", "00" + id.substr(0, 51), false},
      {"empty", "", false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(is_valid_traceparent(row.value), row.valid);
    HeaderMap headers = map_of({{"a", ""}, {"traceparent", row.value}, {"tracestate", "k=v"}});
    EXPECT_EQ(keep_valid_trace(headers), row.valid ? id.substr(1, 32) : "");
    EXPECT_EQ(headers.size(), row.valid ? 3u : 1u);
  }
  HeaderMap twice = map_of({{"traceparent", "00" + id}, {"Traceparent", "00" + id}});
  EXPECT_EQ(keep_valid_trace(twice), "");
  EXPECT_TRUE(twice.empty());
  HeaderMap state_alone = map_of({{"tracestate", "k=v"}});
  keep_valid_trace(state_alone);
  EXPECT_TRUE(state_alone.empty());
}

TEST(Via, Rows) {
  struct Row {
    const char* name;
    std::vector<std::string> lines;
    unsigned count;
  };
  const std::vector<Row> rows{
      {"none", {}, 0},
      {"another", {"1.1 nginx"}, 0},
      {"once", {"1.1 weir"}, 1},
      {"any case, any protocol", {"HTTP/2.0 WEIR, 2 Weir"}, 2},
      {"with a comment", {"1.1 weir (edge)"}, 1},
      {"lines add up", {"1.1 weir, 1.1 a, 1.1 weir", "1.1 weir", "1.0 weir"}, 4},
      {"no name", {"weir"}, 0},
      {"a longer name", {"1.1 weird, 1.1 weir.example"}, 0},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    HeaderMap headers;
    for (const std::string& line : row.lines) headers.add("Via", line);
    EXPECT_EQ(count_via(headers, "weir"), row.count);
    EXPECT_EQ(is_loop(headers, "weir"), row.count >= 4);
  }
}

TEST(RequestId, IsARandomUuid) {
  std::vector<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    std::string id(36, '\0');
    write_uuid(std::span<char, 36>(id.data(), 36));
    EXPECT_TRUE(is_valid_request_id(id));
    EXPECT_EQ(id[8], '-');
    EXPECT_EQ(id[13], '-');
    EXPECT_EQ(id[14], '4');
    EXPECT_EQ(id[18], '-');
    EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
    EXPECT_EQ(id[23], '-');
    ids.push_back(std::move(id));
  }
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
}

TEST(RequestId, IsKeptFromATrustedPeerAlone) {
  struct Row {
    const char* name;
    std::string sent;
    bool trusted;
    bool kept;
  };
  const std::vector<Row> rows{
      {"trusted", "abc.DEF_123-4", true, true},
      {"36 characters", std::string(36, 'a'), true, true},
      {"untrusted", "abc", false, false},
      {"37 characters", std::string(37, 'a'), true, false},
      {"empty", "", true, false},
      {"a space", "a b", true, false},
      {"a quote", "a\"b", true, false},
      {"beyond ASCII", "caf\xc3\xa9", true, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    ConnectionInfo connection;
    connection.peer_trusted = row.trusted;
    Exchange exchange(connection, TimePoint{});
    assign_request_id(exchange, map_of({{"X-Request-Id", row.sent}}));
    EXPECT_EQ(exchange.context.request_id() == row.sent, row.kept);
    EXPECT_FALSE(exchange.context.request_id().empty());
  }
}

}  // namespace
}  // namespace weir::test
