#include "weir/auth/token_policy.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "auth/signer.hpp"
#include "support/run_task.hpp"

namespace weir::auth::test {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t now_seconds = 1'700'000'000;
const Signer& policy_rsa() {
  static const Signer out(Algorithm::rs256);
  return out;
}
const Signer& policy_ec() {
  static const Signer out(Algorithm::es256, "ec");
  return out;
}

struct PolicyTest : testing::Test {
  KeyKeeper keeper;
  Offload offload{1, 16};

  static config::JwtIssuer issuer(std::string jwks, std::vector<std::string> algorithms) {
    config::JwtIssuer out;
    out.issuer = "joe";
    out.algorithms = std::move(algorithms);
    out.keys.kind = config::JwtKeyKind::jwks_file;
    out.keys.path = "/nowhere/jwks.json";
    out.keys.content = std::move(jwks);
    return out;
  }
  static config::Jwt spec(std::string jwks, std::vector<std::string> algorithms) {
    config::Jwt out;
    out.issuers.push_back(issuer(std::move(jwks), std::move(algorithms)));
    return out;
  }

  Verdict verify(TokenPolicy& policy, const std::string& token, std::int64_t at = now_seconds) {
    Verdict out;
    weir::test::run_task([&](net::Loop& loop) -> Task<bool> {
      const Moment now{loop.now(), WallTime(std::chrono::seconds(at))};
      out = co_await policy.verify(token, digest_of(token), now, loop);
      co_return true;
    });
    return out;
  }
  std::string outcome(TokenPolicy& policy, const std::string& token,
                      std::int64_t at = now_seconds) {
    const Verdict verdict = verify(policy, token, at);
    return verdict.reason == Reason::none
               ? "ok"
               : std::string(name(verdict.reason)) + " " + verdict.detail;
  }
};

TEST_F(PolicyTest, EveryAlgorithmVerifiesItsOwn) {
  for (std::size_t i = 0; i < algorithm_count; ++i) {
    const auto algorithm = static_cast<Algorithm>(i);
    const Signer signer(algorithm);
    TokenPolicy policy(spec(signer.jwks(), {std::string(signer.name())}), keeper, offload);
    EXPECT_EQ(outcome(policy, signer.token(R"({"iss":"joe"})")), "ok") << signer.name();
    std::string spoilt = signer.token(R"({"iss":"joe"})");
    char& last_but_three = spoilt[spoilt.size() - 4];
    last_but_three = last_but_three == 'A' ? 'B' : 'A';
    EXPECT_EQ(outcome(policy, spoilt), "token_invalid token: its signature is not valid")
        << signer.name();
  }
  const Signer large(Algorithm::eddsa, "k1", 0, true);
  TokenPolicy policy(spec(large.jwks(), {"EdDSA"}), keeper, offload);
  EXPECT_EQ(outcome(policy, large.token(R"({"iss":"joe"})")), "ok") << "Ed448";
}

// peers.md section 5 row 33, section 2.5.
TEST_F(PolicyTest, Attacks) {
  TokenPolicy policy(spec(R"({"keys":[)" + policy_rsa().jwk() + "," + policy_ec().jwk() + "]}",
                          {"RS256", "ES256", "HS256"}),
                     keeper, offload);
  const std::string claims = R"({"iss":"joe"})";
  const auto unsigned_token = [&](std::string_view header, std::string_view signature) {
    return base64url(header) + '.' + base64url(claims) + '.' + std::string(signature);
  };
  // HMAC with what anybody can know of the RSA key.
  Signer confused(Algorithm::hs256, "k1");
  const std::string good = policy_rsa().token(claims);
  const std::string es = policy_ec().token(claims);
  const std::string es_text = es.substr(0, es.rfind('.'));
  struct Row {
    const char* name;
    std::string token;
    const char* fault;
  };
  const Row rows[]{
      {"alg none without signature", unsigned_token(R"({"alg":"none"})", ""),
       "alg is not supported"},
      {"alg none with a signature", unsigned_token(R"({"alg":"none"})", "AAAA"),
       "alg is not supported"},
      {"alg None", unsigned_token(R"({"alg":"None"})", ""), "alg is not supported"},
      {"alg NONE", unsigned_token(R"({"alg":"NONE"})", ""), "alg is not supported"},
      {"alg nOnE", unsigned_token(R"({"alg":"nOnE"})", ""), "alg is not supported"},
      {"alg empty", unsigned_token(R"({"alg":""})", "AAAA"), "alg is not supported"},
      {"alg a number", unsigned_token(R"({"alg":1})", "AAAA"), "no alg"},
      {"alg missing", unsigned_token(R"({"kid":"k1"})", "AAAA"), "no alg"},
      {"alg in another case", unsigned_token(R"({"alg":"rs256"})", "AAAA"), "alg is not supported"},
      {"known alg, no signature", unsigned_token(R"({"alg":"RS256"})", ""), "not signed"},
      {"RSA key as HMAC secret", confused.token(R"({"alg":"HS256","kid":"k1"})", claims),
       "unknown key"},
      {"RS256 header on an ES256 signature",
       policy_ec().token(R"({"alg":"RS256","kid":"k1"})", claims), "signature is not valid"},
      {"ES256 header on an RSA signature",
       policy_rsa().token(R"({"alg":"ES256","kid":"ec"})", claims), "signature is not valid"},
      {"an algorithm that is not allowed",
       policy_rsa().token(R"({"alg":"RS384","kid":"k1"})", claims), "alg is not allowed"},
      {"kid with a path", policy_rsa().token(R"({"alg":"RS256","kid":"../../dev/null"})", claims),
       "unknown key"},
      {"kid with SQL", policy_rsa().token(R"({"alg":"RS256","kid":"x' UNION SELECT 'k"})", claims),
       "unknown key"},
      {"kid of another key", policy_rsa().token(R"({"alg":"RS256","kid":"ec"})", claims),
       "unknown key"},
      {"kid no text", policy_rsa().token(R"({"alg":"RS256","kid":["k1"]})", claims),
       "kid is malformed"},
      {"crit", policy_rsa().token(R"({"alg":"RS256","crit":["exp"],"exp":1})", claims), "has crit"},
      {"crit empty", policy_rsa().token(R"({"alg":"RS256","crit":[]})", claims), "has crit"},
      {"b64 false", policy_rsa().token(R"({"alg":"RS256","b64":false})", claims), "has b64"},
      {"b64 false and crit",
       policy_rsa().token(R"({"alg":"RS256","b64":false,"crit":["b64"]})", claims), "has crit"},
      {"alg twice", policy_rsa().token(R"({"alg":"RS256","alg":"RS256"})", claims),
       "each name once"},
      {"alg twice, one escaped", policy_rsa().token(R"({"alg":"none","\u0061lg":"RS256"})", claims),
       "each name once"},
      {"iss twice", policy_rsa().token(R"({"iss":"joe","iss":"joe"})"), "each name once"},
      {"a name twice within a claim", policy_rsa().token(R"({"iss":"joe","a":{"b":1,"b":2}})"),
       "each name once"},
      {"nested token", policy_rsa().token(R"({"alg":"RS256","cty":"JWT"})", good),
       "contains another token"},
      {"typ of another use", policy_rsa().token(R"({"alg":"RS256","typ":"logout+jwt"})", claims),
       "typ is not accepted"},
      {"padding", good + "=", "not base64url"},
      {"padding in the header",
       [&] {
         std::string out = good;
         return out.insert(out.find('.'), "=");
       }(),
       "not base64url"},
      {"a space at the end", good + " ", "not base64url"},
      {"a line end within",
       [&] {
         std::string out = good;
         return out.insert(out.size() - 8, "\n");
       }(),
       "not base64url"},
      {"plain base64", unsigned_token(R"({"alg":"RS256"})", "++//"), "not base64url"},
      {"unused bits set",
       [&] {
         std::string out = good;  // 256 bytes end in four unused bits
         out.back() = out.back() == 'A' ? 'B' : static_cast<char>(out.back() + 1);
         return out;
       }(),
       "not base64url"},
      {"four parts", good + ".AAAA", "three parts"},
      {"five parts, as encrypted ones", "a.b.c.d.e", "three parts"},
      {"two parts", good.substr(0, good.rfind('.')), "three parts"},
      {"empty", "", "three parts"},
      {"dots only", "..", "each name once"},
      {"header no object", base64url("[1]") + '.' + base64url(claims) + ".AAAA", "each name once"},
      {"claims no object", policy_rsa().token("\"iss\""), "each name once"},
      {"claims with more behind", policy_rsa().token(claims + "{}"), "each name once"},
      {"claims with a comment", policy_rsa().token("{/*x*/\"iss\":\"joe\"}"), "each name once"},
      {"claims with a trailing comma", policy_rsa().token(R"({"iss":"joe",})"), "each name once"},
      {"claims with a number that is none", policy_rsa().token(R"({"iss":"joe","a":0e600})"),
       "each name once"},
      {"claims not UTF-8", policy_rsa().token("{\"iss\":\"joe\",\"a\":\"\xff\"}"),
       "each name once"},
      {"nested too deep",
       policy_rsa().token(R"({"iss":"joe","a":)" + std::string(40, '[') + std::string(40, ']') +
                          "}"),
       "each name once"},
      {"larger than 16 KiB",
       policy_rsa().token(R"({"iss":"joe","a":")" + std::string(16384, 'x') + "\"}"),
       "larger than 16 KiB"},
      {"no iss", policy_rsa().token("{}"), "iss is not a known issuer"},
      {"another iss", policy_rsa().token(R"({"iss":"joe "})"), "iss is not a known issuer"},
      {"iss no text", policy_rsa().token(R"({"iss":["joe"]})"), "iss is not a known issuer"},
      {"ES256 all zero", es_text + '.' + base64url(std::string(64, '\0')),
       "signature is not valid"},
      {"ES256 with r zero", es_text + '.' + base64url(std::string(32, '\0') + std::string(32, 'x')),
       "signature is not valid"},
      {"ES256 with s zero", es_text + '.' + base64url(std::string(32, 'x') + std::string(32, '\0')),
       "signature is not valid"},
      {"ES256 with r and s above the order", es_text + '.' + base64url(std::string(64, '\xff')),
       "signature is not valid"},
      {"ES256 in DER",
       [&] {
         std::string der("\x30\x06\x02\x01\x01\x02\x01\x01", 8);
         return es_text + '.' + base64url(der);
       }(),
       "signature is not valid"},
      {"ES256 one byte longer", es_text + '.' + base64url(std::string(65, 'x')),
       "signature is not valid"},
      {"RS256 one byte short",
       good.substr(0, good.rfind('.') + 1) + base64url(std::string(255, 'x')),
       "signature is not valid"},
      {"claims changed",
       [&] {
         const std::size_t from = good.find('.');
         return good.substr(0, from + 1) + base64url(R"({"iss":"joe","admin":true})") +
                good.substr(good.rfind('.'));
       }(),
       "signature is not valid"},
  };
  for (const Row& row : rows) {
    const Verdict verdict = verify(policy, row.token);
    EXPECT_EQ(verdict.reason, Reason::token_invalid) << row.name;
    EXPECT_NE(verdict.detail.find(row.fault), std::string::npos)
        << row.name << ": " << verdict.detail;
  }
  EXPECT_EQ(outcome(policy, good), "ok");
  EXPECT_EQ(outcome(policy, es), "ok");
}

// A key in the header is not looked at: the token is judged by ours.
TEST_F(PolicyTest, KeysInTheHeaderAreNotBelieved) {
  TokenPolicy policy(spec(policy_rsa().jwks(), {"RS256"}), keeper, offload);
  const Signer own(Algorithm::rs256);
  const std::string claims = R"({"iss":"joe"})";
  for (const std::string& more :
       {R"("jwk":)" + own.jwk(), std::string(R"("jku":"http://127.0.0.1:1/jwks.json")"),
        std::string(R"("x5u":"http://127.0.0.1:1/cert.pem")"), std::string(R"("x5c":["AAAA"])")}) {
    const std::string header = R"({"alg":"RS256","kid":"k1",)" + more + "}";
    EXPECT_EQ(outcome(policy, own.token(header, claims)),
              "token_invalid token: its signature is not valid");
    EXPECT_EQ(outcome(policy, policy_rsa().token(header, claims)), "ok");
  }
}

TEST_F(PolicyTest, SeveralIssuersHaveKeysOfTheirOwn) {
  config::Jwt both = spec(policy_rsa().jwks(), {"RS256"});
  both.issuers.push_back(issuer(policy_ec().jwks(), {"ES256"}));
  both.issuers[1].issuer = "ann";
  both.issuers[1].keys.path = "/nowhere/other.json";
  TokenPolicy policy(both, keeper, offload);
  EXPECT_EQ(outcome(policy, policy_rsa().token(R"({"iss":"joe"})")), "ok");
  EXPECT_EQ(outcome(policy, policy_ec().token(R"({"iss":"ann"})")), "ok");
  EXPECT_EQ(outcome(policy, policy_rsa().token(R"({"iss":"ann"})")),
            "token_invalid token: its alg is not allowed");
}

TEST_F(PolicyTest, KeysOfOneKidAreTriedInTurn) {
  const Signer other(Algorithm::rs256);
  TokenPolicy policy(
      spec(R"({"keys":[)" + other.jwk() + "," + policy_rsa().jwk() + "]}", {"RS256"}), keeper,
      offload);
  EXPECT_EQ(outcome(policy, policy_rsa().token(R"({"iss":"joe"})")), "ok");
  EXPECT_EQ(outcome(policy, policy_rsa().token(R"({"alg":"RS256"})", R"({"iss":"joe"})")), "ok");
}

TEST_F(PolicyTest, ClaimsDecideAfterTheSignature) {
  config::Jwt config = spec(policy_rsa().jwks(), {"RS256"});
  config.issuers[0].audiences = {"orders", "carts"};
  config.require = {{"scope", {"read", "write"}}, {"role", {"admin", "ops"}}};
  TokenPolicy policy(config, keeper, offload);
  struct Row {
    const char* name;
    const char* claims;
    const char* outcome;
  };
  const Row rows[]{
      {"all right", R"("aud":"orders","scope":"read write","role":"ops")", "ok"},
      {"lists", R"("aud":["x","carts"],"scp":["read","write"],"role":["x","admin"])", "ok"},
      {"expired", R"("aud":"orders","exp":1699999940)", "token_expired token: it has expired"},
      {"another audience", R"("aud":"order","scope":"read write","role":"ops")",
       "token_invalid token: its aud has none of the expected audiences"},
      {"no audience", R"("scope":"read write","role":"ops")",
       "token_invalid token: its aud has none of the expected audiences"},
      {"a scope missing", R"("aud":"orders","scope":"read","role":"ops")",
       "insufficient_scope token: it lacks the scope write"},
      {"a scope within another", R"("aud":"orders","scope":"read writer","role":"ops")",
       "insufficient_scope token: it lacks the scope write"},
      {"another role", R"("aud":"orders","scope":"read write","role":"guest")",
       "claim_mismatch token: its claim role does not have a required value"},
      {"no role", R"("aud":"orders","scope":"read write")",
       "claim_mismatch token: its claim role does not have a required value"},
  };
  for (const Row& row : rows) {
    const std::string token =
        policy_rsa().token(R"({"iss":"joe",)" + std::string(row.claims) + "}");
    EXPECT_EQ(outcome(policy, token), row.outcome) << row.name;
  }
}

TEST_F(PolicyTest, RemembersUntilTheTokenOrItsKeysEnd) {
  config::Jwt config = spec(policy_rsa().jwks(), {"RS256"});
  config.claims_to_headers = {{"sub", "x-user"}};
  TokenPolicy policy(config, keeper, offload);
  const std::string token = policy_rsa().token(R"({"iss":"joe","sub":"u1","exp":1700000100})");
  const TokenDigest digest = digest_of(token);
  const auto at = [](std::int64_t wall, Duration steady = {}) {
    return Moment{TimePoint() + 1h + steady, WallTime(std::chrono::seconds(wall))};
  };
  EXPECT_EQ(policy.remembered(digest, at(now_seconds)), nullptr);
  ASSERT_EQ(outcome(policy, token), "ok");
  // The loop's clock is the real one here, so only the calendar is asked.
  const auto found = policy.remembered(digest, {Clock::now(), at(now_seconds).wall});
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->claim("sub"), "u1");
  ASSERT_EQ(found->fields().size(), 1u);
  EXPECT_EQ(found->fields()[0].second, "u1");
  EXPECT_NE(policy.remembered(digest, {Clock::now(), at(1'700'000'099).wall}), nullptr);
  EXPECT_EQ(policy.remembered(digest, {Clock::now(), at(1'700'000'100).wall}), nullptr);

  // The issuer's keys change: what was found good with the old ones is verified anew.
  config::JwtIssuer changed = config.issuers[0];
  changed.keys.content = policy_ec().jwks();
  ASSERT_FALSE(keeper.source(changed));
  changed.keys.content = Signer(Algorithm::rs256).jwks();
  ASSERT_TRUE(keeper.source(changed));
  EXPECT_EQ(policy.remembered(digest, {Clock::now(), at(now_seconds).wall}), nullptr);
  EXPECT_EQ(outcome(policy, token), "token_invalid token: its signature is not valid");
}

TEST_F(PolicyTest, RefusesKeysThatCannotBeUsed) {
  EXPECT_THROW(TokenPolicy(spec("{}", {"RS256"}), keeper, offload), std::invalid_argument);
  EXPECT_THROW(TokenPolicy(spec(policy_rsa().jwks(), {"ES256"}), keeper, offload),
               std::invalid_argument);
}

TEST_F(PolicyTest, AClaimThatIsNoFieldValueIsRefused) {
  config::Jwt config = spec(policy_rsa().jwks(), {"RS256"});
  config.claims_to_headers = {{"sub", "x-user"}};
  TokenPolicy policy(config, keeper, offload);
  for (const char* sub : {R"("a\r\nx-admin: 1")", R"("a\u0000b")", R"(" a")", R"("a ")"}) {
    EXPECT_EQ(
        outcome(policy, policy_rsa().token(R"({"iss":"joe","sub":)" + std::string(sub) + "}")),
        "token_invalid token: a claim cannot be the value of a header")
        << sub;
  }
}

}  // namespace
}  // namespace weir::auth::test
