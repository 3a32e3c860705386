// Which keys of a set are used, for what, and which are passed over.
#include "auth/key_set.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "auth/signer.hpp"

namespace weir::auth::test {
namespace {

std::string set_of(const std::vector<std::string>& keys) {
  std::string out = R"({"keys":[)";
  for (const std::string& key : keys) out += (out.back() == '[' ? "" : ",") + key;
  return out + "]}";
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// The value of a text member.
std::string member(const std::string& jwk, const std::string& name) {
  const std::string before = '"' + name + "\":\"";
  const std::size_t at = jwk.find(before) + before.size();
  return jwk.substr(at, jwk.find('"', at) - at);
}

const Signer& rsa() {
  static const Signer out(Algorithm::rs256, "rsa");
  return out;
}
const Signer& ec() {
  static const Signer out(Algorithm::es256, "ec");
  return out;
}

// RFC 7517 appendix A.1 and A.3, RFC 8037 appendix A.2.
TEST(KeySet, ExamplesOfTheDocuments) {
  const char* public_keys =
      R"({"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",)"
      R"("y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"},)"
      R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK)"
      R"(7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf)"
      R"(0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD0)"
      R"(8qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz)"
      R"(KnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}]})";
  const auto read = KeySet::from_jwks(public_keys, Algorithms::all());
  ASSERT_TRUE(read) << read.error();
  ASSERT_EQ((*read)->keys().size(), 1u) << "the other one is for encryption";
  EXPECT_EQ((*read)->keys()[0]->kid(), "2011-04-29");
  EXPECT_TRUE((*read)->keys()[0]->allows(Algorithm::rs256));
  EXPECT_FALSE((*read)->keys()[0]->allows(Algorithm::ps256)) << "its alg says RS256";

  const char* secrets =
      R"({"keys":[{"kty":"oct","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"},)"
      R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hc)"
      R"(gUuTwjAzZr1Z9CAow","kid":"HMAC key used in JWS spec Appendix A.1 example"}]})";
  const auto secret = KeySet::from_jwks(secrets, Algorithms::all());
  ASSERT_TRUE(secret) << secret.error();
  ASSERT_EQ((*secret)->keys().size(), 1u);
  EXPECT_TRUE((*secret)->keys()[0]->allows(Algorithm::hs512));
  EXPECT_FALSE((*secret)->keys()[0]->allows(Algorithm::rs256));
}

TEST(KeySet, KeysThatArePassedOver) {
  const Signer weak(Algorithm::rs256, "k1", 1024);
  const Signer secret(Algorithm::hs256);
  const Signer ed(Algorithm::eddsa);
  const std::string x = member(ec().jwk(), "x");
  const std::string y = member(ec().jwk(), "y");
  const std::string n = member(rsa().jwk(), "n");
  struct Row {
    const char* name;
    std::string key;
    const char* fault;
  };
  const Row rows[]{
      {"RSA below 2048 bits", weak.jwk(), "an RSA key below 2048 bits"},
      {"RSA above 8192 bits",
       R"({"kty":"RSA","e":"AQAB","n":")" + base64url(std::string(1025, '\xff')) + "\"}",
       "an RSA key above 8192 bits"},
      {"even exponent", replaced(rsa().jwk(), "AQAB", "AQAA"), "an unusable exponent"},
      {"exponent 1", replaced(rsa().jwk(), "AQAB", "AQ"), "an unusable exponent"},
      {"exponent 0", replaced(rsa().jwk(), "AQAB", "AA"), "RSA key"},
      {"exponent above 64 bits", replaced(rsa().jwk(), "AQAB", "AQAAAAAAAAAB"),
       "an unusable exponent"},
      {"exponent larger than all", replaced(rsa().jwk(), "AQAB", base64url(std::string(64, 'x'))),
       "a malformed RSA key"},
      {"no modulus", R"({"kty":"RSA","e":"AQAB"})", "a malformed RSA key"},
      {"modulus empty", R"({"kty":"RSA","e":"AQAB","n":""})", "a malformed RSA key"},
      {"modulus with padding", replaced(rsa().jwk(), n, n + "="), "a malformed RSA key"},
      {"modulus in plain base64", replaced(rsa().jwk(), n, "+/" + n.substr(2)),
       "a malformed RSA key"},
      {"modulus no text", R"({"kty":"RSA","e":"AQAB","n":[1]})", "a malformed RSA key"},
      {"point not on the curve", replaced(ec().jwk(), x, base64url(std::string(32, '\1'))), "EC"},
      {"point at x and y zero",
       R"({"kty":"EC","crv":"P-256","x":")" + base64url(std::string(32, '\0')) + R"(","y":")" +
           base64url(std::string(32, '\0')) + "\"}",
       "EC"},
      {"coordinate a byte short", replaced(ec().jwk(), y, base64url(std::string(31, '\1'))),
       "a malformed EC key"},
      {"coordinate a byte long", replaced(ec().jwk(), y, base64url(std::string(33, '\1'))),
       "a malformed EC key"},
      {"no y", R"({"kty":"EC","crv":"P-256","x":")" + x + "\"}", "a malformed EC key"},
      {"the curve of another size", replaced(ec().jwk(), "P-256", "P-384"), "a malformed EC key"},
      {"a curve we have not", replaced(ec().jwk(), "P-256", "secp256k1"), "a malformed EC key"},
      {"curve in another case", replaced(ec().jwk(), "P-256", "p-256"), "a malformed EC key"},
      {"agreement, not signatures", replaced(ed.jwk(), "Ed25519", "X25519"), "a malformed OKP key"},
      {"Ed25519 a byte short",
       R"({"kty":"OKP","crv":"Ed25519","x":")" + base64url(std::string(31, '\1')) + "\"}",
       "a malformed OKP key"},
      {"Ed448 of the size of Ed25519", replaced(ed.jwk(), "Ed25519", "Ed448"),
       "a malformed OKP key"},
      {"secret too short for any hash",
       R"({"kty":"oct","k":")" + base64url(std::string(31, 's')) + "\"}",
       "a secret shorter than the algorithm's hash"},
      {"secret empty", R"({"kty":"oct","k":""})", "a malformed secret"},
      {"secret in plain base64", R"({"kty":"oct","k":"++//++//"})", "a malformed secret"},
      {"no kty", R"({"k":"AAAA"})", "a key without kty"},
      {"kty no text", R"({"kty":1})", "a key without kty"},
      {"unknown kty", R"({"kty":"AKP"})", "a key of an unknown kty"},
      {"kty in another case", replaced(rsa().jwk(), "\"RSA\"", "\"rsa\""),
       "a key of an unknown kty"},
      {"for encryption", rsa().jwk(R"(,"use":"enc")"), "a key for another use"},
      {"use no text", rsa().jwk(R"(,"use":null)"), "a key for another use"},
      {"only signs", rsa().jwk(R"(,"key_ops":["sign"])"), "a key for another use"},
      {"key_ops no list", rsa().jwk(R"(,"key_ops":"verify")"), "a key for another use"},
      {"alg of encryption", rsa().jwk(R"(,"alg":"RSA-OAEP")"), "a key for another algorithm"},
      {"alg none", rsa().jwk(R"(,"alg":"none")"), "a key for another algorithm"},
      {"alg no text", rsa().jwk(R"(,"alg":256)"), "a key for another algorithm"},
      {"alg of another curve", ec().jwk(R"(,"alg":"ES384")"), "none of the algorithms"},
      {"alg of another kind", rsa().jwk(R"(,"alg":"HS256")"), "none of the algorithms"},
      {"a secret that says RS256", secret.jwk(R"(,"alg":"RS256")"), "none of the algorithms"},
      {"kid no text", Signer(Algorithm::rs256, "").jwk(R"(,"kid":7)"), "a malformed kid"},
      {"kid too long", Signer(Algorithm::es256, std::string(1025, 'k')).jwk(), "a malformed kid"},
  };
  for (const Row& row : rows) {
    const auto alone = KeySet::from_jwks(set_of({row.key}), Algorithms::all());
    ASSERT_FALSE(alone) << row.name;
    EXPECT_NE(alone.error().find(row.fault), std::string::npos)
        << row.name << ": " << alone.error();
    const auto beside = KeySet::from_jwks(set_of({row.key, Signer(Algorithm::eddsa, "ok").jwk()}),
                                          Algorithms::all());
    ASSERT_TRUE(beside) << row.name << ": " << beside.error();
    EXPECT_EQ((*beside)->keys().size(), 1u) << row.name;
  }
}

TEST(KeySet, WhatIsNoKeySet) {
  const std::string key = rsa().jwk();
  struct Row {
    const char* name;
    std::string text;
    const char* fault;
  };
  const Row rows[]{
      {"empty", "", "not a JSON object"},
      {"a list", "[" + key + "]", "not a JSON object"},
      {"a key alone", key, "has no array"},
      {"keys no list", R"({"keys":)" + key + "}", "has no array"},
      {"no key in it", R"({"keys":[]})", "no usable key"},
      {"a key that is no object", R"({"keys":[1]})", "a key that is no object"},
      {"keys twice", R"({"keys":[)" + key + R"(],"keys":[]})", "not a JSON object"},
      {"a member of a key twice", set_of({rsa().jwk(R"(,"kty":"RSA")")}), "not a JSON object"},
      {"the same, escaped", set_of({rsa().jwk(R"(,"\u006bty":"RSA")")}), "not a JSON object"},
      {"more behind it", set_of({key}) + "x", "not a JSON object"},
      {"too deep", R"({"keys":[],"a":)" + std::string(40, '[') + std::string(40, ']') + "}",
       "not a JSON object"},
      {"too many", set_of(std::vector<std::string>(257, "{}")), "more than 256 keys"},
      {"too large", "{\"keys\":[]" + std::string(1 << 20, ' ') + "}", "larger than 1 MiB"},
  };
  for (const Row& row : rows) {
    const auto read = KeySet::from_jwks(row.text, Algorithms::all());
    ASSERT_FALSE(read) << row.name;
    EXPECT_NE(read.error().find(row.fault), std::string::npos) << row.name << ": " << read.error();
  }
}

TEST(KeySet, AKeyIsForTheAlgorithmsOfItsKind) {
  const Signer secret(Algorithm::hs384);
  const std::vector<const Signer*> signers{&rsa(), &ec(), &secret};
  for (const Signer* signer : signers) {
    const auto read = KeySet::from_jwks(signer->jwks(), Algorithms::all());
    ASSERT_TRUE(read) << read.error();
    for (std::size_t i = 0; i < algorithm_count; ++i) {
      const auto algorithm = static_cast<Algorithm>(i);
      const Family family = info(algorithm).family;
      const bool fits = signer == &rsa() ? family == Family::rsa || family == Family::rsa_pss
                        : signer == &ec()
                            ? algorithm == Algorithm::es256
                            : algorithm == Algorithm::hs256 || algorithm == Algorithm::hs384;
      EXPECT_EQ((*read)->keys()[0]->allows(algorithm), fits) << info(algorithm).name;
      EXPECT_EQ((*read)->candidates(algorithm, "").count, fits ? 1u : 0u) << info(algorithm).name;
    }
  }
}

TEST(KeySet, CandidatesByKid) {
  const Signer nameless(Algorithm::rs256, "");
  const auto read =
      KeySet::from_jwks(set_of({rsa().jwk(), Signer(Algorithm::rs256, "other").jwk(),
                                Signer(Algorithm::rs256, "rsa").jwk(), nameless.jwk()}),
                        Algorithms::all());
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ((*read)->candidates(Algorithm::rs256, "rsa").count, 3u)
      << "two of the kid, one of none";
  EXPECT_EQ((*read)->candidates(Algorithm::rs256, "RSA").count, 1u) << "case counts";
  EXPECT_EQ((*read)->candidates(Algorithm::rs256, "").count, 4u);
  EXPECT_EQ((*read)->candidates(Algorithm::es256, "rsa").count, 0u);
}

TEST(KeySet, SignaturesThatAreNotOnes) {
  const std::string text = "e30.e30";
  const auto key_of = [](const Signer& signer) {
    return KeySet::from_jwks(signer.jwks(), Algorithms::all()).value();
  };
  const auto pss = [&](int salt) {
    EVP_PKEY_CTX* inner = nullptr;
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    EVP_DigestSignInit_ex(context.get(), &inner, "SHA256", nullptr, nullptr, rsa().key(), nullptr);
    EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, salt);
    std::string out(256, '\0');
    std::size_t size = out.size();
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                   reinterpret_cast<const unsigned char*>(text.data()), text.size());
    return out;
  };
  const auto with_rsa = key_of(rsa());
  const VerificationKey& rsa_key = *with_rsa->keys()[0];
  const std::string rs256 = rsa().signature(text);
  const std::string ps256 = rsa().sign(Algorithm::ps256, text);
  EXPECT_TRUE(rsa_key.verify(Algorithm::rs256, text, rs256));
  EXPECT_TRUE(rsa_key.verify(Algorithm::ps256, text, ps256));
  EXPECT_TRUE(rsa_key.verify(Algorithm::ps256, text, pss(32)));
  EXPECT_FALSE(rsa_key.verify(Algorithm::ps256, text, pss(20))) << "salt is as long as the hash";
  EXPECT_FALSE(rsa_key.verify(Algorithm::ps256, text, pss(0)));
  EXPECT_FALSE(rsa_key.verify(Algorithm::ps256, text, rs256));
  EXPECT_FALSE(rsa_key.verify(Algorithm::rs256, text, ps256));
  EXPECT_FALSE(rsa_key.verify(Algorithm::rs384, text, rs256));
  EXPECT_FALSE(rsa_key.verify(Algorithm::ps384, text, ps256));
  EXPECT_FALSE(rsa_key.verify(Algorithm::rs256, text, '\0' + rs256));
  EXPECT_FALSE(rsa_key.verify(Algorithm::rs256, text, std::string(256, '\xff')));
  EXPECT_FALSE(rsa_key.verify(Algorithm::rs256, text, std::string(255, '\0') + '\1'));

  const Signer secret(Algorithm::hs256);
  const auto with_secret = key_of(secret);
  const VerificationKey& mac_key = *with_secret->keys()[0];
  const std::string mac = secret.signature(text);
  EXPECT_TRUE(mac_key.verify(Algorithm::hs256, text, mac));
  EXPECT_FALSE(mac_key.verify(Algorithm::hs256, text, mac.substr(0, 16))) << "cut in half";
  EXPECT_FALSE(mac_key.verify(Algorithm::hs256, text, mac + mac));
  EXPECT_FALSE(mac_key.verify(Algorithm::hs256, text, ""));

  const auto with_ec = key_of(ec());
  const VerificationKey& ec_key = *with_ec->keys()[0];
  // The order of P-256, and one less.
  const std::string order(
      "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"
      "\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51",
      32);
  std::string below = order;
  below.back() = '\x50';
  const std::string one = std::string(31, '\0') + '\1';
  const std::string raw = ec().signature(text);
  EXPECT_TRUE(ec_key.verify(Algorithm::es256, text, raw));
  for (const std::string& r : {order, below, one, raw.substr(0, 32), std::string(32, '\xff')}) {
    for (const std::string& s : {order, below, one, std::string(32, '\xff')}) {
      EXPECT_FALSE(ec_key.verify(Algorithm::es256, text, r + s));
    }
  }
  // As OpenSSL writes it, whatever its length comes to.
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, ec().key(), nullptr);
  std::string der(80, '\0');
  std::size_t size = der.size();
  EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(der.data()), &size,
                 reinterpret_cast<const unsigned char*>(text.data()), text.size());
  der.resize(size);
  EXPECT_FALSE(ec_key.verify(Algorithm::es256, text, der));
}

}  // namespace
}  // namespace weir::auth::test
