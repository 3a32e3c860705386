#include "middleware/fixture.hpp"

namespace weir::test {
namespace {

using ApiKeyTest = MiddlewareTest;

// SHA-256 of "by-digest".
constexpr std::string_view digest =
    "f4ab6f8cd6d519001f149b3750b36af387fb0dcc0e66fc7e6591b5076a0fe996";

config::ApiKey spec(std::string header = "x-api-key") {
  config::ApiKey out;
  out.header = std::move(header);
  out.keys = {{"ana", "secret-1", ""}, {"ben", "", std::string(digest)}, {"", "bare", ""}};
  return out;
}

TEST_F(ApiKeyTest, KnowsItsCallers) {
  const struct {
    std::string name;
    Fields headers;
    int status;
    Reason reason;
    std::string user;
  } rows[] = {
      {"plain", {{"x-api-key", "secret-1"}}, 200, Reason::none, "ana"},
      {"field in any case", {{"X-API-Key", "secret-1"}}, 200, Reason::none, "ana"},
      {"by its digest", {{"x-api-key", "by-digest"}}, 200, Reason::none, "ben"},
      {"without a name", {{"x-api-key", "bare"}}, 200, Reason::none, ""},
      {"none", {}, 401, Reason::credentials_missing, ""},
      {"empty", {{"x-api-key", " "}}, 401, Reason::credentials_missing, ""},
      {"unknown", {{"x-api-key", "secret-2"}}, 401, Reason::credentials_invalid, ""},
      {"in another case", {{"x-api-key", "SECRET-1"}}, 401, Reason::credentials_invalid, ""},
      {"a prefix", {{"x-api-key", "secret-"}}, 401, Reason::credentials_invalid, ""},
      {"the digest itself",
       {{"x-api-key", std::string(digest)}},
       401,
       Reason::credentials_invalid,
       ""},
      {"a name", {{"x-api-key", "ana"}}, 401, Reason::credentials_invalid, ""},
      {"the file's line", {{"x-api-key", "ana:secret-1"}}, 401, Reason::credentials_invalid, ""},
      {"two",
       {{"x-api-key", "secret-1"}, {"x-api-key", "secret-1"}},
       401,
       Reason::credentials_invalid,
       ""},
      {"as a list", {{"x-api-key", "secret-1, secret-1"}}, 401, Reason::credentials_invalid, ""},
      {"elsewhere", {{"authorization", "Bearer secret-1"}}, 401, Reason::credentials_missing, ""},
  };
  const Chain chain = chain_of(spec());
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    origin.saw_user.clear();
    const Response response = send(chain, {.headers = row.headers});
    EXPECT_EQ(response.head.status, row.status);
    EXPECT_EQ(response.reason, row.reason);
    EXPECT_EQ(origin.saw_user, row.user);
    EXPECT_EQ(values(response.head.headers, "www-authenticate"),
              row.status == 200 ? "" : "ApiKey realm=\"weir\", header=\"x-api-key\"");
  }
}

TEST_F(ApiKeyTest, TheKeyGoesOn) {
  const Chain chain = chain_of(spec());
  send(chain, {.headers = {{"X-Api-Key", "secret-1"}}});
  EXPECT_EQ(origin.saw, "x-api-key: secret-1");
}

TEST_F(ApiKeyTest, OfAuthorizationIsABearerToken) {
  const struct {
    std::string name;
    std::string value;
    Reason reason;
  } rows[] = {
      {"right", "Bearer secret-1", Reason::none},
      {"scheme in any case", "bEARER  secret-1", Reason::none},
      {"wrong", "Bearer secret-2", Reason::credentials_invalid},
      {"another scheme", "Basic secret-1", Reason::credentials_missing},
      {"no scheme", "secret-1", Reason::credentials_missing},
      {"no key", "Bearer ", Reason::credentials_missing},
  };
  const Chain chain = chain_of(spec("Authorization"));
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const Response response = send(chain, {.headers = {{"authorization", row.value}}});
    EXPECT_EQ(response.reason, row.reason);
    EXPECT_EQ(values(response.head.headers, "www-authenticate"),
              row.reason == Reason::none ? "" : "Bearer realm=\"weir\"");
  }
}

}  // namespace
}  // namespace weir::test
