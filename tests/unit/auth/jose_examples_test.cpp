// What the documents say is signed is found to be, and nothing near it.
#include "auth/jose_examples.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "auth/base64url.hpp"
#include "auth/key_set.hpp"
#include "auth/token.hpp"
#include "support/run_task.hpp"
#include "weir/auth/token_policy.hpp"

namespace weir::auth::test {
namespace {

std::string as_key_set(std::string_view jwk) { return R"({"keys":[)" + std::string(jwk) + "]}"; }

// A token whose content need not be claims.
struct Signed {
  std::string text;
  std::string signature;

  explicit Signed(std::string_view token)
      : text(token.substr(0, token.rfind('.'))),
        signature(base64url_decode(token.substr(token.rfind('.') + 1)).value()) {}
};

TEST(JoseExamples, Signatures) {
  for (const JoseExample& example : jose_examples) {
    const auto algorithm = algorithm_from_name(example.algorithm);
    ASSERT_TRUE(algorithm) << example.name;
    const auto keys = KeySet::from_jwks(as_key_set(example.jwk), Algorithms::all());
    ASSERT_TRUE(keys) << example.name << ": " << keys.error();
    const VerificationKey& key = *(*keys)->keys().front();
    const auto valid = [&](const Signed& of) {
      return key.allows(*algorithm) && key.verify(*algorithm, of.text, of.signature);
    };
    const Signed good(example.token);
    EXPECT_TRUE(valid(good)) << example.name;

    for (std::size_t i = 0; i < good.signature.size(); i += 7) {
      Signed bad = good;
      bad.signature[i] = static_cast<char>(bad.signature[i] ^ 1);
      EXPECT_FALSE(valid(bad)) << example.name << ": bit of byte " << i;
    }
    Signed other = good;
    other.text.back() = other.text.back() == 'A' ? 'B' : 'A';
    EXPECT_FALSE(valid(other)) << example.name << ": another content";
    other = good;
    other.signature.pop_back();
    EXPECT_FALSE(valid(other)) << example.name << ": one byte less";
    other = good;
    other.signature.push_back('\0');
    EXPECT_FALSE(valid(other)) << example.name << ": one byte more";
    other = good;
    other.signature.insert(0, 1, '\0');
    EXPECT_FALSE(valid(other)) << example.name << ": a zero before";
    other.signature.assign(good.signature.size(), '\0');
    EXPECT_FALSE(valid(other)) << example.name << ": all zero";
    other.signature.clear();
    EXPECT_FALSE(valid(other)) << example.name << ": empty";
  }
}

TEST(JoseExamples, AreTokensOnlyWithClaims) {
  for (const JoseExample& example : jose_examples) {
    const auto token = parse_token(example.token);
    EXPECT_EQ(token.has_value(), example.claims) << example.name;
    if (!token) {
      EXPECT_EQ(token.error(), "its claims are not a JSON object with each name once");
    }
  }
}

TEST(JoseExamples, ClaimsAreJudgedByTheirTime) {
  constexpr std::int64_t exp = 1'300'819'380;
  KeyKeeper keeper;
  Offload offload{1, 16};
  for (const JoseExample& example : jose_examples) {
    if (!example.claims) continue;
    config::Jwt spec;
    config::JwtIssuer& issuer = spec.issuers.emplace_back();
    issuer.issuer = "joe";
    issuer.algorithms = {std::string(example.algorithm)};
    issuer.keys.kind = config::JwtKeyKind::jwks_file;
    issuer.keys.path = "/nowhere/" + std::string(example.name);
    issuer.keys.content = as_key_set(example.jwk);
    TokenPolicy policy(spec, keeper, offload);
    const auto outcome = [&](std::int64_t at) {
      Reason out = Reason::internal;
      weir::test::run_task([&](net::Loop& loop) -> Task<bool> {
        const Moment now{loop.now(), WallTime(std::chrono::seconds(at))};
        const Verdict verdict =
            co_await policy.verify(example.token, digest_of(example.token), now, loop);
        out = verdict.reason;
        if (verdict.token != nullptr) {
          EXPECT_EQ(verdict.token->claim("http://example.com/is_root"), "true");
        }
        co_return true;
      });
      return out;
    };
    EXPECT_EQ(outcome(exp - 1), Reason::none) << example.name;
    EXPECT_EQ(outcome(exp + 59), Reason::none) << example.name << ": within the skew";
    EXPECT_EQ(outcome(exp + 60), Reason::token_expired) << example.name;
  }
}

// RFC 7515 appendix A.5 (and RFC 7519 section 6.1), A.6, A.7 and E, RFC 7516 A.1, RFC 7797 4.2.
TEST(JoseExamples, WhatIsNoTokenForUs) {
  struct Row {
    const char* name;
    const char* token;
    const char* fault;
  };
  const Row rows[]{
      {"unsecured",
       "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl"
       "LmNvbS9pc19yb290Ijp0cnVlfQ.",
       "its alg is not supported"},
      {"JSON serialization, general",
       R"({"payload":"e30","signatures":[{"protected":"eyJhbGciOiJSUzI1NiJ9","signature":"AAAA"}]})",
       "it does not have three parts separated by dots"},
      {"JSON serialization, flattened",
       R"({"payload":"e30","protected":"eyJhbGciOiJFUzI1NiJ9","signature":"AAAA"})",
       "it does not have three parts separated by dots"},
      {"an extension that must be understood",
       "eyJhbGciOiJIUzI1NiIsDQogImNyaXQiOlsiaHR0cDovL2V4YW1wbGUuaW52YWxpZC9VTkRFRklORUQiXSwNCiAi"
       "aHR0cDovL2V4YW1wbGUuaW52YWxpZC9VTkRFRklORUQiOnRydWUNCn0.RkFJTA.AAAA",
       "its header has crit, which is not supported"},
      {"content left out and not encoded",
       "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19.."
       "A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY",
       "its header has crit, which is not supported"},
      {"encrypted", "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AAAA.AAAA.AAAA.AAAA",
       "it does not have three parts separated by dots"},
  };
  for (const Row& row : rows) {
    const auto token = parse_token(row.token);
    ASSERT_FALSE(token) << row.name;
    EXPECT_EQ(token.error(), row.fault) << row.name;
  }
}

}  // namespace
}  // namespace weir::auth::test
