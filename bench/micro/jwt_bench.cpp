// What a token costs that is not remembered: the bare signature as `openssl speed` measures it, the
// same through our key, and the whole token, from its text to its claims.
#include <benchmark/benchmark.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "auth/claim_rules.hpp"
#include "auth/ecdsa_signature.hpp"
#include "auth/key_set.hpp"
#include "auth/signer.hpp"
#include "auth/token.hpp"

namespace weir::auth {
namespace {

constexpr std::string_view claims =
    R"({"iss":"https://id.example.com","sub":"user-4711","aud":["orders","carts"],)"
    R"("exp":1700003600,"nbf":1700000000,"iat":1700000000,"scope":"orders:read orders:write"})";

// A token of each algorithm, with what verifies it.
struct Case {
  Algorithm algorithm;
  test::Signer signer;
  std::string token;
  std::string text;
  std::string signature;  // as OpenSSL wants it
  std::shared_ptr<const KeySet> keys;

  explicit Case(Algorithm of)
      : algorithm(of),
        signer(of),
        token(signer.token(claims)),
        text(token.substr(0, token.rfind('.'))),
        keys(KeySet::from_jwks(signer.jwks(), Algorithms::all()).value()) {
    const std::string raw = parse_token(token)->signature;
    signature = raw;
    if (info(of).family == Family::ecdsa) {
      EcdsaDer der;
      if (!der.assign(raw, info(of).half)) std::abort();
      signature = der.view();
    }
  }
};

const Case& case_of(Algorithm algorithm) {
  static std::array<std::unique_ptr<const Case>, algorithm_count> made;
  auto& out = made[static_cast<std::size_t>(algorithm)];
  if (out == nullptr) out = std::make_unique<const Case>(algorithm);
  return *out;
}

// One context for all, a digest that is there already; EdDSA hashes by itself.
void bench_jwt_bare(benchmark::State& state, Algorithm algorithm) {
  const Case& one = case_of(algorithm);
  const AlgorithmInfo& row = info(algorithm);
  const auto* text = bytes(one.text);
  bool good = true;
  if (row.family == Family::hmac) {
    const std::unique_ptr<EVP_MAC, Freed<EVP_MAC_free>> mac(
        EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    const MacContext context(EVP_MAC_CTX_new(mac.get()));
    std::string digest(row.digest);
    const std::array params{OSSL_PARAM_construct_utf8_string("digest", digest.data(), 0),
                            OSSL_PARAM_construct_end()};
    const std::string& key = one.signer.secret();
    EVP_MAC_init(context.get(), bytes(key), key.size(), params.data());
    std::array<unsigned char, 64> out;
    std::size_t size = 0;
    for (auto _ : state) {
      EVP_MAC_init(context.get(), nullptr, 0, nullptr);
      EVP_MAC_update(context.get(), text, one.text.size());
      EVP_MAC_final(context.get(), out.data(), &size, out.size());
      benchmark::DoNotOptimize(out);
    }
    return;
  }
  if (row.family == Family::eddsa) {
    const DigestContext context(EVP_MD_CTX_new());
    EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, one.signer.key());
    for (auto _ : state) {
      good &= EVP_DigestVerify(context.get(), bytes(one.signature), one.signature.size(), text,
                               one.text.size()) == 1;
    }
  } else {
    std::array<unsigned char, 64> digest;
    unsigned size = 0;
    EVP_Digest(text, one.text.size(), digest.data(), &size, EVP_get_digestbyname(row.digest),
               nullptr);
    const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, one.signer.key(), nullptr));
    EVP_PKEY_verify_init(context.get());
    if (row.family == Family::rsa_pss) {
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), RSA_PSS_SALTLEN_DIGEST);
    }
    EVP_PKEY_CTX_set_signature_md(context.get(), EVP_get_digestbyname(row.digest));
    for (auto _ : state) {
      good &= EVP_PKEY_verify(context.get(), bytes(one.signature), one.signature.size(),
                              digest.data(), size) == 1;
    }
  }
  if (!good) state.SkipWithError("the signature is not valid");
}

void bench_jwt_token(benchmark::State& state, Algorithm algorithm) {
  const Case& one = case_of(algorithm);
  const std::array audiences{std::string("orders")};
  const std::array rules{config::ClaimRule{"scope", {"orders:read"}}};
  const WallTime now{std::chrono::seconds(1'700'000'100)};
  bool good = true;
  for (auto _ : state) {
    const auto token = parse_token(one.token);
    const auto tried = one.keys->candidates(token->algorithm, token->kid);
    good &= tried.all()[0]->verify(token->algorithm, token->signed_text, token->signature);
    good &= !check_times(token->claims, now, std::chrono::seconds(60));
    good &= !check_audience(token->claims, audiences) && !check_rules(token->claims, rules);
    benchmark::DoNotOptimize(claim_texts(token->claims));
  }
  if (!good) state.SkipWithError("the token is not good");
}

const bool registered = [] {
  for (const Algorithm algorithm :
       {Algorithm::hs256, Algorithm::hs512, Algorithm::rs256, Algorithm::rs512, Algorithm::ps256,
        Algorithm::es256, Algorithm::es384, Algorithm::es512, Algorithm::eddsa}) {
    const std::string name(info(algorithm).name);
    benchmark::RegisterBenchmark(("jwt_bare/" + name).c_str(), bench_jwt_bare, algorithm);
    benchmark::RegisterBenchmark(("jwt_token/" + name).c_str(), bench_jwt_token, algorithm);
  }
  return true;
}();

}  // namespace
}  // namespace weir::auth
