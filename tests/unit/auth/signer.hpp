// Makes keys and signed tokens with OpenSSL, whole or spoilt as a test wants them.
#pragma once

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "auth/algorithm.hpp"

namespace weir::auth::test {

inline std::string base64url(std::string_view bytes) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  unsigned bits = 0;
  int held = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (held += 8; held >= 6; held -= 6) out += alphabet[bits >> (held - 6) & 63];
  }
  if (held > 0) out += alphabet[bits << (6 - held) & 63];
  return out;
}

// A private key, or a secret, that signs with one algorithm.
class Signer {
 public:
  // `bits` of an RSA key.
  explicit Signer(Algorithm algorithm, std::string kid = "k1", unsigned bits = 2048,
                  bool ed448 = false)
      : algorithm_(algorithm), kid_(std::move(kid)) {
    const AlgorithmInfo& row = info(algorithm);
    EVP_PKEY* made = nullptr;
    switch (row.family) {
      case Family::hmac:
        secret_ = std::string(row.hash, 's');
        return;
      case Family::rsa:
      case Family::rsa_pss:
        made = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{bits});
        break;
      case Family::ecdsa:
        made = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", row.curve);
        break;
      case Family::eddsa:
        made = EVP_PKEY_Q_keygen(nullptr, nullptr, ed448 ? "ED448" : "ED25519");
        break;
    }
    if (made == nullptr) throw std::runtime_error("no key");
    key_.reset(made, EVP_PKEY_free);
  }

  const std::string& secret() const { return secret_; }
  EVP_PKEY* key() const { return key_.get(); }
  std::string_view name() const { return info(algorithm_).name; }

  std::string signature(std::string_view text) const { return sign(algorithm_, text); }
  // With this key, whatever its algorithm is.
  std::string sign(Algorithm with, std::string_view text) const {
    const AlgorithmInfo& row = info(with);
    const auto* data = reinterpret_cast<const unsigned char*>(text.data());
    if (row.family == Family::hmac) {
      unsigned char mac[EVP_MAX_MD_SIZE];
      unsigned size = 0;
      HMAC(EVP_get_digestbyname(row.digest), secret_.data(), static_cast<int>(secret_.size()), data,
           text.size(), mac, &size);
      return {reinterpret_cast<char*>(mac), size};
    }
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    EVP_PKEY_CTX* inner = nullptr;
    EVP_DigestSignInit_ex(context.get(), &inner, row.digest, nullptr, nullptr, key_.get(), nullptr);
    if (row.family == Family::rsa_pss) {
      EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, RSA_PSS_SALTLEN_DIGEST);
    }
    std::size_t size = 0;
    EVP_DigestSign(context.get(), nullptr, &size, data, text.size());
    std::string out(size, '\0');
    if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, data,
                       text.size()) != 1) {
      throw std::runtime_error("not signed");
    }
    out.resize(size);
    return row.family == Family::ecdsa ? raw(out, row.half) : out;
  }

  std::string header() const {
    std::string out = R"({"alg":")" + std::string(name()) + '"';
    if (!kid_.empty()) out += R"(,"kid":")" + kid_ + '"';
    return out + '}';
  }
  std::string token(std::string_view claims) const { return token(header(), claims); }
  std::string token(std::string_view header, std::string_view claims) const {
    const std::string text = base64url(header) + '.' + base64url(claims);
    return text + '.' + base64url(signature(text));
  }

  // The public half as a JWK; of a secret the secret. `more` is put in, like `,"use":"sig"`.
  std::string jwk(std::string_view more = "") const {
    std::string out = "{";
    if (!kid_.empty()) out += R"("kid":")" + kid_ + "\",";
    switch (info(algorithm_).family) {
      case Family::hmac:
        out += R"("kty":"oct","k":")" + base64url(secret_) + '"';
        break;
      case Family::rsa:
      case Family::rsa_pss:
        out += R"("kty":"RSA","n":")" + base64url(number(OSSL_PKEY_PARAM_RSA_N, 0)) + R"(","e":")" +
               base64url(number(OSSL_PKEY_PARAM_RSA_E, 0)) + '"';
        break;
      case Family::ecdsa: {
        const std::size_t half = info(algorithm_).half;
        out += R"("kty":"EC","crv":")" + std::string(info(algorithm_).curve) + R"(","x":")" +
               base64url(number(OSSL_PKEY_PARAM_EC_PUB_X, half)) + R"(","y":")" +
               base64url(number(OSSL_PKEY_PARAM_EC_PUB_Y, half)) + '"';
        break;
      }
      case Family::eddsa: {
        unsigned char raw_key[64];
        std::size_t size = sizeof raw_key;
        EVP_PKEY_get_raw_public_key(key_.get(), raw_key, &size);
        out += std::string(R"("kty":"OKP","crv":")") + (size == 57 ? "Ed448" : "Ed25519") +
               R"(","x":")" + base64url({reinterpret_cast<char*>(raw_key), size}) + '"';
        break;
      }
    }
    return out + std::string(more) + '}';
  }
  std::string jwks() const { return R"({"keys":[)" + jwk() + "]}"; }

 private:
  std::string number(const char* name, std::size_t width) const {
    BIGNUM* read = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), name, &read);
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(read, BN_free);
    const auto size = static_cast<std::size_t>(BN_num_bytes(read));
    std::string out(std::max(size, width), '\0');
    BN_bn2binpad(read, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
    return out;
  }
  static std::string raw(const std::string& der, std::size_t half) {
    const auto* data = reinterpret_cast<const unsigned char*>(der.data());
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> sig(
        d2i_ECDSA_SIG(nullptr, &data, static_cast<long>(der.size())), ECDSA_SIG_free);
    std::string out(2 * half, '\0');
    auto* to = reinterpret_cast<unsigned char*>(out.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(sig.get()), to, static_cast<int>(half));
    BN_bn2binpad(ECDSA_SIG_get0_s(sig.get()), to + half, static_cast<int>(half));
    return out;
  }

  Algorithm algorithm_;
  std::string kid_;
  std::string secret_;
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace weir::auth::test
