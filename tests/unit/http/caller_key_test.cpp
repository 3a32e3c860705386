#include "weir/http/caller_key.hpp"

#include <gtest/gtest.h>

#include <map>

#include "allocation_count.hpp"

namespace weir {
namespace {

class NamedClaims final : public Claims {
 public:
  std::map<std::string, std::string, std::less<>> all;
  std::string_view claim(std::string_view name) const noexcept override {
    const auto found = all.find(name);
    return found == all.end() ? std::string_view() : std::string_view(found->second);
  }
};

struct Caller {
  std::string ip = "192.0.2.1";
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string host = "shop.example";
  std::string sub = {};
  std::string param = {};
};

struct Told {
  std::string bytes;
  bool fell_back = false;
  std::string text;
  friend bool operator==(const Told&, const Told&) = default;
};

Told key_of(const std::vector<KeyPart>& parts, const Caller& caller) {
  const ConnectionInfo connection;
  Exchange exchange(connection, TimePoint{});
  if (const auto ip = IpAddress::parse(caller.ip)) exchange.fill_context().client_ip = *ip;
  NamedClaims claims;
  if (!caller.sub.empty()) {
    claims.all["sub"] = caller.sub;
    exchange.decisions.claims = &claims;
  }
  exchange.fill_context().path_params[1] = caller.param;
  Request request;
  request.head.host = caller.host;
  for (const auto& [name, value] : caller.headers) request.head.headers.add(name, value);
  const std::vector<std::string> params{"shop", "id"};
  const CallerKey key(parts);
  const CallerKey::Bytes bytes = key.of(request, exchange, params);
  return {std::string(bytes.view()), bytes.fell_back(), key.text(bytes)};
}

std::string text_of(const std::vector<KeyPart>& parts, const Caller& caller) {
  return key_of(parts, caller).text;
}

const std::vector<KeyPart> by_ip{{KeySource::client_ip, ""}};
const std::vector<KeyPart> by_tenant{{KeySource::header, "x-tenant"}};

TEST(CallerKey, TellsCallersApart) {
  struct Row {
    std::string name;
    std::vector<KeyPart> parts;
    Caller one, other;
    bool same;
  };
  const std::string long_text(300, 'a');
  const std::vector<Row> rows{
      {"address", by_ip, {.ip = "192.0.2.1"}, {.ip = "192.0.2.2"}, false},
      {"same address", by_ip, {.host = "a"}, {.host = "b"}, true},
      {"same /64", by_ip, {.ip = "2001:db8::1"}, {.ip = "2001:db8::ffff:0:0:1"}, true},
      {"other /64", by_ip, {.ip = "2001:db8::1"}, {.ip = "2001:db8:0:1::1"}, false},
      {"mapped IPv4", by_ip, {.ip = "::ffff:192.0.2.1"}, {.ip = "192.0.2.1"}, true},
      {"mapped IPv4s", by_ip, {.ip = "::ffff:192.0.2.1"}, {.ip = "::ffff:192.0.2.2"}, false},
      {"no address", by_ip, {.ip = ""}, {.ip = "0.0.0.0"}, false},
      {"host", {{KeySource::host, ""}}, {.host = "a.test"}, {.host = "b.test"}, false},
      {"same host", {{KeySource::host, ""}}, {.ip = "192.0.2.7"}, {}, true},
      {"global", {{KeySource::global, ""}}, {.ip = "192.0.2.7"}, {.host = "x"}, true},
      {"header",
       by_tenant,
       {.headers = {{"X-Tenant", "a"}}},
       {.headers = {{"x-tenant", "b"}}},
       false},
      {"same header",
       by_tenant,
       {.ip = "192.0.2.7", .headers = {{"X-TENANT", "a"}}},
       {.headers = {{"x-tenant", "a"}}},
       true},
      {"value's case counts",
       by_tenant,
       {.headers = {{"x-tenant", "A"}}},
       {.headers = {{"x-tenant", "a"}}},
       false},
      {"second line",
       by_tenant,
       {.headers = {{"x-tenant", "a"}, {"x-tenant", "b"}}},
       {.headers = {{"x-tenant", "a"}}},
       false},
      {"two lines are one",
       by_tenant,
       {.headers = {{"x-tenant", "a"}, {"x-tenant", "b"}}},
       {.headers = {{"x-tenant", "a,b"}}},
       true},
      {"known field",
       {{KeySource::header, "authorization"}},
       {.headers = {{"Authorization", "x"}}},
       {.headers = {{"authorization", "y"}}},
       false},
      {"long values",
       by_tenant,
       {.headers = {{"x-tenant", long_text + "b"}}},
       {.headers = {{"x-tenant", long_text + "c"}}},
       false},
      {"same long value",
       by_tenant,
       {.headers = {{"x-tenant", long_text}}},
       {.ip = "::1", .headers = {{"x-tenant", long_text}}},
       true},
      {"cookie",
       {{KeySource::cookie, "id"}},
       {.headers = {{"cookie", "id=1; a=2"}}},
       {.headers = {{"cookie", "id=2; a=2"}}},
       false},
      {"same cookie",
       {{KeySource::cookie, "id"}},
       {.headers = {{"cookie", "a=1; id=1"}}},
       {.headers = {{"cookie", "id=1"}}},
       true},
      {"claim", {{KeySource::jwt_claim, "sub"}}, {.sub = "ann"}, {.sub = "bob"}, false},
      {"same claim",
       {{KeySource::jwt_claim, "sub"}},
       {.ip = "::1", .sub = "ann"},
       {.sub = "ann"},
       true},
      {"parameter", {{KeySource::path_param, "id"}}, {.param = "1"}, {.param = "2"}, false},
      {"same parameter",
       {{KeySource::path_param, "id"}},
       {.ip = "::1", .param = "1"},
       {.param = "1"},
       true},
      {"missing: by address", by_tenant, {.ip = "192.0.2.1"}, {.ip = "192.0.2.2"}, false},
      {"missing and empty are alike", by_tenant, {}, {.headers = {{"x-tenant", ""}}}, true},
      {"a value is no address",
       by_tenant,
       {.ip = "97.98.99.100"},
       {.ip = "97.98.99.100", .headers = {{"x-tenant", "abcd"}}},
       false},
      {"list: one differs",
       {{KeySource::header, "a"}, {KeySource::host, ""}},
       {.headers = {{"a", "x"}}, .host = "h"},
       {.headers = {{"a", "x"}}, .host = "i"},
       false},
      {"list: no shift",
       {{KeySource::header, "a"}, {KeySource::header, "b"}},
       {.headers = {{"a", "xy"}, {"b", "z"}}},
       {.headers = {{"a", "x"}, {"b", "yz"}}},
       false},
      {"list: same",
       {{KeySource::header, "a"}, {KeySource::client_ip, ""}},
       {.headers = {{"a", "x"}}, .host = "h"},
       {.headers = {{"a", "x"}}, .host = "i"},
       true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(key_of(row.parts, row.one).bytes == key_of(row.parts, row.other).bytes, row.same);
  }
}

TEST(CallerKey, SaysWhenItFellBack) {
  EXPECT_TRUE(key_of(by_tenant, {}).fell_back);
  EXPECT_TRUE(key_of({{KeySource::cookie, "id"}}, {.headers = {{"cookie", "id="}}}).fell_back);
  EXPECT_TRUE(key_of({{KeySource::jwt_claim, "sub"}}, {}).fell_back);
  EXPECT_TRUE(key_of({{KeySource::path_param, "id"}}, {}).fell_back);
  EXPECT_TRUE(key_of({{KeySource::host, ""}}, {.host = ""}).fell_back);
  EXPECT_FALSE(key_of(by_tenant, {.headers = {{"x-tenant", "a"}}}).fell_back);
  EXPECT_FALSE(key_of(by_ip, {.ip = ""}).fell_back);
  EXPECT_EQ(key_of(by_tenant, {}).bytes, key_of(by_ip, {}).bytes);
}

TEST(CallerKey, HasATextForTheLog) {
  struct Row {
    std::string name;
    std::vector<KeyPart> parts;
    Caller caller;
    std::string text;
  };
  const std::string long_value(100, 'x');
  const Row rows[] = {
      {"an address", by_ip, {}, "192.0.2.1"},
      {"a network", by_ip, {.ip = "2001:db8:1:2:3::4"}, "2001:db8:1:2::/64"},
      {"a unix socket", by_ip, {.ip = ""}, "unix"},
      {"a field", by_tenant, {.headers = {{"x-tenant", "acme"}}}, "acme"},
      {"a field that is missing", by_tenant, {}, "192.0.2.1"},
      {"a long field",
       by_tenant,
       {.headers = {{"x-tenant", long_value}}},
       "sha256:09ecb6ebc8bcefc7"},
      {"a host", {{KeySource::host, ""}}, {}, "shop.example"},
      {"a claim", {{KeySource::jwt_claim, "sub"}}, {.sub = "ann"}, "ann"},
      {"a parameter", {{KeySource::path_param, "id"}}, {.param = "7"}, "7"},
      {"everybody", {{KeySource::global, ""}}, {}, "global"},
      {"a secret",
       {{KeySource::header, "X-Api-Key"}},
       {.headers = {{"x-api-key", "abc"}}},
       "sha256:ba7816bf8f01cfea"},
      {"credentials",
       {{KeySource::header, "Authorization"}},
       {.headers = {{"authorization", "abc"}}},
       "sha256:ba7816bf8f01cfea"},
      {"a cookie",
       {{KeySource::cookie, "id"}},
       {.headers = {{"cookie", "id=abc"}}},
       "sha256:ba7816bf8f01cfea"},
      {"two parts",
       {{KeySource::header, "x-tenant"}, {KeySource::client_ip, ""}},
       {.headers = {{"x-tenant", "acme"}}},
       "acme,192.0.2.1"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(text_of(row.parts, row.caller), row.text);
  }
}

TEST(CallerKey, IsBoundedAndDoesNotAllocate) {
  const ConnectionInfo connection;
  Exchange exchange(connection, TimePoint{});
  Request request;
  std::vector<KeyPart> parts;
  for (std::size_t i = 0; i < CallerKey::most_parts; ++i) {
    parts.push_back({KeySource::header, "h" + std::to_string(i)});
    request.head.headers.add(parts.back().name, std::string(i % 2 == 0 ? 62 : 10'000, 'x'));
  }
  const CallerKey key(parts);
  const std::size_t before = allocation_count();
  const CallerKey::Bytes bytes = key.of(request, exchange, {});
  EXPECT_EQ(allocation_count(), before);
  EXPECT_LE(bytes.view().size(), CallerKey::most_parts * 64);
}

}  // namespace
}  // namespace weir
