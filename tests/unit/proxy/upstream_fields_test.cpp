#include "proxy/upstream_fields.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::proxy {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

// A request for https://shop.example from 10.0.0.9, whose client is 192.0.2.1, at 127.0.0.1:8443.
class UpstreamFieldsTest : public testing::Test {
 protected:
  UpstreamFieldsTest() {
    connection_.peer = SocketAddress(IpAddress::parse("10.0.0.9").value(), 40000);
    connection_.local = SocketAddress(IpAddress::parse("127.0.0.1").value(), 8443);
  }

  Fields fields_of(const Fields& sent, bool trusted, std::string_view via = "",
                   Version version = Version::http11) {
    connection_.peer_trusted = trusted;
    Exchange exchange(connection_, TimePoint{});
    exchange.fill_context().client_ip = IpAddress::parse("192.0.2.1").value();
    constexpr std::string_view id = "id-1";
    std::ranges::copy(id, exchange.fill_context().request_id_text.begin());
    exchange.fill_context().request_id_length = id.size();
    RequestHead head;
    head.scheme = scheme_;
    head.version = version;
    head.authority = authority_;
    for (const auto& [name, value] : sent) head.headers.add(name, value);
    add_upstream_fields(head, exchange, via);
    Fields out;
    for (const HeaderMap::Field& field : head.headers) out.emplace_back(field.name, field.value);
    std::ranges::sort(out);
    return out;
  }
  static std::string value_of(const Fields& fields, std::string_view name) {
    const auto found = std::ranges::find(fields, name, &Fields::value_type::first);
    return found == fields.end() ? "(none)" : found->second;
  }

  ConnectionInfo connection_;
  std::string_view authority_ = "shop.example:8443";
  Scheme scheme_ = Scheme::https;
};

TEST_F(UpstreamFieldsTest, AnUntrustedPeersRequestIsDescribedAsWeSeeIt) {
  const Fields expected{{"Accept", "*/*"},
                        {"X-Forwarded-For", "10.0.0.9"},
                        {"X-Forwarded-Host", "shop.example:8443"},
                        {"X-Forwarded-Port", "8443"},
                        {"X-Forwarded-Proto", "https"},
                        {"X-Real-IP", "192.0.2.1"},
                        {"X-Request-Id", "id-1"}};
  EXPECT_EQ(fields_of({{"Accept", "*/*"}}, false), expected);
  // What it says itself counts for nothing, wherever it comes from.
  EXPECT_EQ(fields_of({{"Accept", "*/*"},
                       {"X-Forwarded-For", "1.1.1.1"},
                       {"X-Forwarded-Proto", "ftp"},
                       {"X-Forwarded-Host", "evil"},
                       {"X-Forwarded-Port", "1"},
                       {"X-Real-IP", "1.1.1.1"},
                       {"X-Request-Id", "evil"}},
                      false),
            expected);
}

TEST_F(UpstreamFieldsTest, ATrustedPeersWordStandsAndItsAddressIsAdded) {
  struct Row {
    const char* name;
    Fields sent;
    const char* field;
    const char* value;
  };
  const Row rows[] = {
      {"nothing said", {}, "X-Forwarded-For", "10.0.0.9"},
      {"one hop", {{"X-Forwarded-For", "192.0.2.1"}}, "X-Forwarded-For", "192.0.2.1, 10.0.0.9"},
      {"two fields",
       {{"X-Forwarded-For", "192.0.2.1"}, {"x-forwarded-for", "10.0.0.1, 10.0.0.2"}},
       "X-Forwarded-For",
       "192.0.2.1, 10.0.0.1, 10.0.0.2, 10.0.0.9"},
      {"proto said", {{"X-Forwarded-Proto", "http"}}, "X-Forwarded-Proto", "http"},
      {"proto not said", {}, "X-Forwarded-Proto", "https"},
      {"host said", {{"X-Forwarded-Host", "www.example"}}, "X-Forwarded-Host", "www.example"},
      {"host not said", {}, "X-Forwarded-Host", "shop.example:8443"},
      {"proto said of a WebSocket", {{"X-Forwarded-Proto", "wss"}}, "X-Forwarded-Proto", "https"},
      {"protos said",
       {{"X-Forwarded-Proto", "http"}, {"X-Forwarded-Proto", "https"}},
       "X-Forwarded-Proto",
       "https"},
      {"a proto that is none", {{"X-Forwarded-Proto", "ftp"}}, "X-Forwarded-Proto", "https"},
      {"port by the host said", {{"X-Forwarded-Host", "www.example"}}, "X-Forwarded-Port", "443"},
      {"port in the host said",
       {{"X-Forwarded-Host", "www.example:8443"}},
       "X-Forwarded-Port",
       "8443"},
      {"port said", {{"X-Forwarded-Port", "443"}}, "X-Forwarded-Port", "443"},
      {"port not said", {}, "X-Forwarded-Port", "8443"},
      {"the client's address is ours to say", {{"X-Real-IP", "1.1.1.1"}}, "X-Real-IP", "192.0.2.1"},
      {"so is the id", {{"X-Request-Id", "theirs"}}, "X-Request-Id", "id-1"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(value_of(fields_of(row.sent, true), row.field), row.value) << row.name;
  }
}

TEST_F(UpstreamFieldsTest, ThePortIsTheOneThatTheClientAskedFor) {
  struct Row {
    const char* name;
    const char* authority;
    Scheme scheme;
    const char* port;
  };
  const Row rows[] = {
      {"in the host", "shop.example:81", Scheme::http, "81"},
      {"https has one of its own", "shop.example", Scheme::https, "443"},
      {"http has one of its own", "shop.example", Scheme::http, "80"},
      {"an IPv6 address", "[2001:db8::1]", Scheme::http, "80"},
      {"an IPv6 address with a port", "[2001:db8::1]:82", Scheme::http, "82"},
      {"nothing behind the colon", "shop.example:", Scheme::https, "443"},
      {"no host", "", Scheme::http, "80"},
  };
  for (const Row& row : rows) {
    authority_ = row.authority;
    scheme_ = row.scheme;
    EXPECT_EQ(value_of(fields_of({}, false), "X-Forwarded-Port"), row.port) << row.name;
  }
}

TEST_F(UpstreamFieldsTest, ViaNamesEveryHopWithTheVersionItCameBy) {
  struct Row {
    const char* name;
    Fields sent;
    const char* via;
    Version version;
    const char* value;
  };
  const Row rows[] = {
      {"switched off", {}, "", Version::http11, "(none)"},
      {"switched off, one there", {{"Via", "1.1 other"}}, "", Version::http11, "1.1 other"},
      {"the first hop", {}, "weir", Version::http11, "1.1 weir"},
      {"an old client", {}, "weir", Version::http10, "1.0 weir"},
      {"behind another",
       {{"Via", "1.0 a"}, {"via", "1.1 b"}},
       "weir",
       Version::http11,
       "1.0 a, 1.1 b, 1.1 weir"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(value_of(fields_of(row.sent, false, row.via, row.version), "Via"), row.value)
        << row.name;
  }
}

TEST_F(UpstreamFieldsTest, APeerWithoutAnAddressIsNotAHop) {
  connection_.peer = SocketAddress();
  EXPECT_EQ(value_of(fields_of({}, false), "X-Forwarded-For"), "(none)");
}

}  // namespace
}  // namespace weir::proxy
