#include "auth/claim_rules.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::auth {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t now_seconds = 1'700'000'000;

json::object claims_of(const std::string& members) {
  const auto read = parse_object("{" + members + "}");
  EXPECT_TRUE(read) << members;
  return read.value_or(json::object());
}

std::string text_of(const Refused& refused) {
  return refused ? std::string(name(refused->reason)) + " " + refused->detail : "ok";
}

TEST(ClaimRules, Times) {
  struct Row {
    const char* name;
    const char* claims;
    Duration skew;
    const char* outcome;
  };
  const Row rows[]{
      {"none at all", "", 60s, "ok"},
      {"ends later", R"("exp":1700000001)", 0s, "ok"},
      {"ends now", R"("exp":1700000000)", 0s, "token_expired it has expired"},
      {"ended within the skew", R"("exp":1699999941)", 60s, "ok"},
      {"ended at the skew's edge", R"("exp":1699999940)", 60s, "token_expired it has expired"},
      {"ends half a second from now", R"("exp":1700000000.5)", 0s, "ok"},
      {"in powers of ten", R"("exp":1.7000001e9)", 0s, "ok"},
      {"long ago", R"("exp":0)", 60s, "token_expired it has expired"},
      {"before the calendar", R"("exp":-1)", 60s, "token_expired it has expired"},
      {"the last second of 9999", R"("exp":253402300799)", 60s, "ok"},
      {"a second more", R"("exp":253402300800)", 60s, "token_invalid its exp is malformed"},
      {"all of 63 bits", R"("exp":9223372036854775807)", 60s, "token_invalid its exp is malformed"},
      {"all of 64 bits", R"("exp":18446744073709551615)", 60s,
       "token_invalid its exp is malformed"},
      {"more than 64 bits", R"("exp":99999999999999999999)", 60s,
       "token_invalid its exp is malformed"},
      {"the largest double", R"("exp":1.7976931348623157e308)", 60s,
       "token_invalid its exp is malformed"},
      {"far below zero", R"("exp":-9223372036854775808)", 60s,
       "token_invalid its exp is malformed"},
      {"a text", R"("exp":"1800000000")", 60s, "token_invalid its exp is malformed"},
      {"a list", R"("exp":[1800000000])", 60s, "token_invalid its exp is malformed"},
      {"null", R"("exp":null)", 60s, "token_invalid its exp is malformed"},
      {"true", R"("exp":true)", 60s, "token_invalid its exp is malformed"},
      {"begins now", R"("nbf":1700000000)", 0s, "ok"},
      {"begins in a second", R"("nbf":1700000001)", 0s, "token_invalid it is not valid yet"},
      {"begins within the skew", R"("nbf":1700000060)", 60s, "ok"},
      {"begins past the skew", R"("nbf":1700000061)", 60s, "token_invalid it is not valid yet"},
      {"nbf a text", R"("nbf":"0")", 60s, "token_invalid its nbf is malformed"},
      {"nbf huge", R"("nbf":1e300)", 60s, "token_invalid its nbf is malformed"},
      {"issued within the skew", R"("iat":1700000060)", 60s, "ok"},
      {"issued in the future", R"("iat":1700000061)", 60s,
       "token_invalid it was issued in the future"},
      {"iat a text", R"("iat":"now")", 60s, "token_invalid its iat is malformed"},
      {"expired and malformed nbf", R"("exp":1,"nbf":"x")", 60s, "token_expired it has expired"},
  };
  const WallTime now{std::chrono::seconds(now_seconds)};
  for (const Row& row : rows) {
    EXPECT_EQ(text_of(check_times(claims_of(row.claims), now, row.skew)), row.outcome) << row.name;
  }
}

TEST(ClaimRules, Lifetime) {
  struct Row {
    const char* name;
    const char* claims;
    bool require_exp;
    Duration longest;
    const char* outcome;
  };
  constexpr const char* no_exp = "token_invalid it has no exp";
  constexpr const char* too_long = "token_invalid its lifetime is longer than max_lifetime";
  const Row rows[] = {
      {"nothing is asked", "", false, 0s, "ok"},
      {"no exp", "", true, 0s, no_exp},
      {"an exp", R"("exp":1700000100)", true, 0s, "ok"},
      {"bounded, no exp", R"("iat":1700000000)", false, 1h, no_exp},
      {"bounded from iat", R"("iat":1700000000,"exp":1700003600)", false, 1h, "ok"},
      {"a second more", R"("iat":1700000000,"exp":1700003601)", false, 1h, too_long},
      {"issued long ago", R"("iat":1600000000,"exp":1700000001)", false, 1h, too_long},
      {"bounded from now", R"("exp":1700003660)", false, 1h, "ok"},
      {"from now, a second more", R"("exp":1700003661)", false, 1h, too_long},
      {"the end of time", R"("exp":253402300799)", false, 1h, too_long},
      {"issued before time", R"("iat":-62000000000,"exp":1700000001)", false, 1h, too_long},
  };
  const WallTime now{std::chrono::seconds(now_seconds)};
  for (const Row& row : rows) {
    EXPECT_EQ(
        text_of(check_lifetime(claims_of(row.claims), now, 60s, row.require_exp, row.longest)),
        row.outcome)
        << row.name;
  }
}

TEST(ClaimRules, Typ) {
  struct Row {
    const char* typ;
    const char* wanted;
    bool fits;
  };
  const Row rows[]{
      {"", "", true},
      {"JWT", "", true},
      {"jwt", "", true},
      {"at+jwt", "", true},
      {"application/at+jwt", "", true},
      {"logout+jwt", "", false},
      {"JWT ", "", false},
      {"", "at+jwt", false},
      {"JWT", "at+jwt", false},
      {"AT+JWT", "at+jwt", true},
      {"Application/AT+jwt", "at+jwt", true},
      {"at+jwt", "application/at+jwt", true},
      {"x/at+jwt", "at+jwt", false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(!check_typ(row.typ, row.wanted), row.fits) << row.typ << " for " << row.wanted;
  }
}

TEST(ClaimRules, Audience) {
  const std::vector<std::string> ours{"orders", "carts"};
  struct Row {
    const char* claims;
    bool fits;
  };
  const Row rows[]{
      {R"("aud":"orders")", true},      {R"("aud":["x","carts"])", true},
      {R"("aud":"Orders")", false},     {R"("aud":[])", false},
      {R"("aud":["x"])", false},        {R"("aud":"orders carts")", false},
      {R"("aud":null)", false},         {R"("aud":{"orders":1})", false},
      {R"("aud":[["orders"]])", false}, {"", false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(!check_audience(claims_of(row.claims), ours), row.fits) << row.claims;
    EXPECT_FALSE(check_audience(claims_of(row.claims), {})) << row.claims;
  }
}

TEST(ClaimRules, RequiredClaims) {
  const std::vector<config::ClaimRule> rules{{"realm.roles", {"admin", "7", "true"}}};
  struct Row {
    const char* claims;
    bool fits;
  };
  const Row rows[]{
      {R"("realm":{"roles":"admin"})", true},
      {R"("realm":{"roles":["x","admin"]})", true},
      {R"("realm.roles":"admin")", true},
      {R"("realm":{"roles":7})", true},
      {R"("realm":{"roles":true})", true},
      {R"("realm":{"roles":"administrator"})", false},
      {R"("realm":{"roles":{"admin":true}})", false},
      {R"("realm":"roles")", false},
      {R"("roles":"admin")", false},
      {"", false},
  };
  for (const Row& row : rows) {
    const Refused refused = check_rules(claims_of(row.claims), rules);
    EXPECT_EQ(!refused, row.fits) << row.claims;
    if (refused) {
      EXPECT_EQ(refused->reason, Reason::claim_mismatch) << row.claims;
    }
  }
}

TEST(ClaimRules, TextsOfClaims) {
  const auto texts = claim_texts(
      claims_of(R"("sub":"u1","n":7,"aud":["a",1],"realm":{"roles":["x","y"],"deep":{"on":true}},)"
                R"("none":null,"lists":[["a"]])"));
  const VerifiedToken::Texts wanted{
      {"sub", "u1"}, {"n", "7"}, {"aud", "a,1"}, {"realm.roles", "x,y"}, {"realm.deep.on", "true"}};
  EXPECT_EQ(texts, wanted);
}

TEST(ClaimRules, FieldsOfClaims) {
  struct Row {
    const char* name;
    const char* claims;
    const char* outcome;  // the value, "-" for no field, "!" for a refusal
  };
  const Row rows[]{
      {"a text", R"("sub":"u1")", "u1"},
      {"empty", R"("sub":"")", ""},
      {"beyond ASCII", R"("sub":"\u00e9")", "\xc3\xa9"},
      {"a number", R"("sub":42)", "42"},
      {"a number below zero", R"("sub":-42)", "-42"},
      {"all of 64 bits", R"("sub":18446744073709551615)", "18446744073709551615"},
      {"a fraction", R"("sub":1.5)", "1.5"},
      {"a moment", R"("sub":1700000000.25)", "1700000000.25"},
      {"a whole number with a point", R"("sub":100000000.0)", "100000000"},
      {"more than 64 bits", R"("sub":100000000000000000000)", "100000000000000000000"},
      {"a very large number", R"("sub":1e300)", "1e+300"},
      {"a very small number", R"("sub":-2.5e-7)", "-2.5e-07"},
      {"the smallest that is plain", R"("sub":0.0000012345678901234567)",
       "0.0000012345678901234567"},
      {"a truth", R"("sub":true)", "true"},
      {"a list", R"("sub":["a",1,false])", "a,1,false"},
      {"an empty list", R"("sub":[])", ""},
      {"a list of lists", R"("sub":[["a"]])", "-"},
      {"an object", R"("sub":{"a":1})", "-"},
      {"null", R"("sub":null)", "-"},
      {"not there", "", "-"},
      {"a line end", R"("sub":"a\r\nx-admin: 1")", "!"},
      {"a line end in a list", R"("sub":["a","b\n"])", "!"},
      {"a zero", R"("sub":"a\u0000")", "!"},
      {"DEL", R"("sub":"a\u007f")", "!"},
      {"a space at the end", R"("sub":"a ")", "!"},
  };
  const std::vector<std::pair<std::string, std::string>> wanted{{"sub", "x-user"}};
  for (const Row& row : rows) {
    const auto fields = claim_fields(claims_of(row.claims), wanted);
    const std::string outcome = !fields ? "!" : fields->empty() ? "-" : fields->front().second;
    EXPECT_EQ(outcome, row.outcome) << row.name;
  }
}

}  // namespace
}  // namespace weir::auth
