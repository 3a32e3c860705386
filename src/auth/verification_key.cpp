#include "auth/verification_key.hpp"

#include <openssl/crypto.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <new>

#include "auth/ecdsa_signature.hpp"

namespace weir::auth {
namespace {

constexpr int least_rsa_bits = 2048;
constexpr int most_rsa_bits = 8192;
constexpr int quick_rsa_bits = 4096;
constexpr int most_exponent_bits = 64;

using Md = std::unique_ptr<EVP_MD, Freed<EVP_MD_free>>;
using Mac = std::unique_ptr<EVP_MAC, Freed<EVP_MAC_free>>;

// Fetched once: to look an algorithm up costs more than to hash a token.
const EVP_MD* digest_of(std::size_t hash_bytes) {
  static const Md sha_256(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  static const Md sha_384(EVP_MD_fetch(nullptr, "SHA384", nullptr));
  static const Md sha_512(EVP_MD_fetch(nullptr, "SHA512", nullptr));
  return hash_bytes == 32 ? sha_256.get() : hash_bytes == 48 ? sha_384.get() : sha_512.get();
}

std::size_t hash(std::size_t bytes_out, std::string_view text, unsigned char* out) {
  thread_local const DigestContext context(EVP_MD_CTX_new());
  unsigned size = 0;
  if (context == nullptr || EVP_DigestInit_ex2(context.get(), digest_of(bytes_out), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), text.data(), text.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), out, &size) != 1) {
    throw std::bad_alloc();
  }
  return size;
}

Algorithms of_family(Family family, std::string_view curve = {}) {
  Algorithms out;
  for (std::size_t i = 0; i < algorithm_count; ++i) {
    const auto algorithm = static_cast<Algorithm>(i);
    const AlgorithmInfo& row = info(algorithm);
    if (row.family == family && (curve.empty() || curve == row.curve)) out.add(algorithm);
  }
  return out;
}

std::string_view rsa_fault(const EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  if (bits < least_rsa_bits) return "an RSA key below 2048 bits";
  if (bits > most_rsa_bits) return "an RSA key above 8192 bits";
  BIGNUM* read = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &read) != 1) return "an unreadable RSA key";
  const Number exponent(read);
  if (BN_is_odd(exponent.get()) == 0 || BN_is_one(exponent.get()) == 1 ||
      BN_num_bits(exponent.get()) > most_exponent_bits) {
    return "an RSA key with an unusable exponent";
  }
  return "";
}

std::string_view curve_of(const EVP_PKEY* key) {
  std::array<char, 32> name{};
  if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size(),
                                     nullptr) != 1) {
    return "";
  }
  const std::string_view group(name.data());
  if (group == "prime256v1" || group == "P-256") return "P-256";
  if (group == "secp384r1" || group == "P-384") return "P-384";
  if (group == "secp521r1" || group == "P-521") return "P-521";
  return "";
}

}  // namespace

VerificationKey::VerificationKey(std::string kid, PublicKey key, std::string secret,
                                 Algorithms allowed)
    : kid_(std::move(kid)), key_(std::move(key)), secret_(std::move(secret)), allowed_(allowed) {
  for (std::size_t i = 0; i < algorithm_count; ++i) {
    const auto algorithm = static_cast<Algorithm>(i);
    if (!allowed.has(algorithm)) continue;
    prepared_.push_back(std::make_unique<Prepared>());
    prepared_.back()->algorithm = algorithm;
  }
  if (key_ == nullptr) return;
  signature_size_ = static_cast<std::size_t>(EVP_PKEY_get_size(key_.get()));
  slow_ = EVP_PKEY_is_a(key_.get(), "ED448") == 1 || allows(Algorithm::es384) ||
          allows(Algorithm::es512) ||
          (EVP_PKEY_is_a(key_.get(), "RSA") == 1 && EVP_PKEY_get_bits(key_.get()) > quick_rsa_bits);
}

VerificationKey::~VerificationKey() {
  OPENSSL_cleanse(const_cast<char*>(secret_.data()), secret_.size());
}

VerificationKey::Made VerificationKey::from_public_key(PublicKey key, Algorithms wanted,
                                                       std::string kid) {
  const ErrorsForgotten errors;
  Algorithms allowed;
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    if (const auto fault = rsa_fault(key.get()); !fault.empty()) {
      return std::unexpected(std::string(fault));
    }
    allowed = (of_family(Family::rsa) | of_family(Family::rsa_pss)) & wanted;
  } else if (EVP_PKEY_is_a(key.get(), "EC") == 1) {
    const std::string_view curve = curve_of(key.get());
    if (curve.empty()) return std::unexpected("a curve that no algorithm uses");
    const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
    if (context == nullptr || EVP_PKEY_public_check(context.get()) != 1) {
      return std::unexpected("a point that is not on its curve");
    }
    allowed = of_family(Family::ecdsa, curve) & wanted;
  } else if (EVP_PKEY_is_a(key.get(), "ED25519") == 1 || EVP_PKEY_is_a(key.get(), "ED448") == 1) {
    allowed = of_family(Family::eddsa) & wanted;
  } else {
    return std::unexpected("a kind of key that no algorithm uses");
  }
  if (allowed.empty()) return std::unexpected("a key that none of the algorithms can be used with");
  return std::unique_ptr<const VerificationKey>(
      new VerificationKey(std::move(kid), std::move(key), {}, allowed));
}

VerificationKey::Made VerificationKey::from_secret(std::string secret, Algorithms wanted,
                                                   std::string kid) {
  Algorithms allowed;
  const Algorithms hmac = of_family(Family::hmac) & wanted;
  for (const Algorithm algorithm : {Algorithm::hs256, Algorithm::hs384, Algorithm::hs512}) {
    if (hmac.has(algorithm) && secret.size() >= info(algorithm).hash) allowed.add(algorithm);
  }
  if (allowed.empty()) {
    return std::unexpected(hmac.empty() ? "a key that none of the algorithms can be used with"
                                        : "a secret shorter than the algorithm's hash");
  }
  return std::unique_ptr<const VerificationKey>(
      new VerificationKey(std::move(kid), nullptr, std::move(secret), allowed));
}

VerificationKey::Prepared& VerificationKey::prepared(Algorithm algorithm) const noexcept {
  return **std::ranges::find(prepared_, algorithm,
                             [](const auto& each) { return each->algorithm; });
}

KeyContext VerificationKey::prepare_key(Algorithm algorithm) const {
  const AlgorithmInfo& row = info(algorithm);
  KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
  EVP_PKEY_CTX* raw = context.get();
  if (raw == nullptr || EVP_PKEY_verify_init(raw) != 1) throw std::bad_alloc();
  bool right = true;
  if (row.family == Family::rsa) {
    right = EVP_PKEY_CTX_set_rsa_padding(raw, RSA_PKCS1_PADDING) == 1;
  } else if (row.family == Family::rsa_pss) {  // RFC 7518 section 3.5
    right = EVP_PKEY_CTX_set_rsa_padding(raw, RSA_PKCS1_PSS_PADDING) == 1;
  }
  right = right && EVP_PKEY_CTX_set_signature_md(raw, digest_of(row.hash)) == 1;
  if (row.family == Family::rsa_pss) {
    right = right && EVP_PKEY_CTX_set_rsa_mgf1_md(raw, digest_of(row.hash)) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(raw, RSA_PSS_SALTLEN_DIGEST) == 1;
  }
  if (!right) throw std::bad_alloc();
  return context;
}

MacContext VerificationKey::prepare_mac(Algorithm algorithm) const {
  static const Mac hmac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  MacContext context(EVP_MAC_CTX_new(hmac.get()));
  std::array<char, 8> digest{};
  std::string_view(info(algorithm).digest).copy(digest.data(), digest.size() - 1);
  const std::array<OSSL_PARAM, 2> params{
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  if (context == nullptr ||
      EVP_MAC_init(context.get(), bytes(secret_), secret_.size(), params.data()) != 1) {
    throw std::bad_alloc();
  }
  return context;
}

bool VerificationKey::verify(Algorithm algorithm, std::string_view signed_text,
                             std::string_view signature) const {
  const ErrorsForgotten errors;
  const AlgorithmInfo& row = info(algorithm);
  if (row.family == Family::hmac) return verify_mac(algorithm, signed_text, signature);
  if (row.family == Family::eddsa) return verify_eddsa(signed_text, signature);

  EcdsaDer der;
  if (row.family == Family::ecdsa) {
    if (!der.assign(signature, row.half)) return false;
    signature = der.view();
  } else if (signature.size() != signature_size_) {
    return false;
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  const std::size_t size = hash(row.hash, signed_text, digest.data());
  Prepared& spare = prepared(algorithm);
  KeyContext context = spare.keys.take();
  if (context == nullptr) context = prepare_key(algorithm);
  const bool valid =
      EVP_PKEY_verify(context.get(), bytes(signature), signature.size(), digest.data(), size) == 1;
  spare.keys.give(std::move(context));
  return valid;
}

bool VerificationKey::verify_mac(Algorithm algorithm, std::string_view text,
                                 std::string_view signature) const {
  Prepared& spare = prepared(algorithm);
  MacContext context = spare.macs.take();
  if (context == nullptr) {
    context = prepare_mac(algorithm);
  } else if (EVP_MAC_init(context.get(), nullptr, 0, nullptr) != 1) {
    throw std::bad_alloc();
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac;
  std::size_t size = 0;
  if (EVP_MAC_update(context.get(), bytes(text), text.size()) != 1 ||
      EVP_MAC_final(context.get(), mac.data(), &size, mac.size()) != 1) {
    throw std::bad_alloc();
  }
  spare.macs.give(std::move(context));
  return signature.size() == size && CRYPTO_memcmp(mac.data(), signature.data(), size) == 0;
}

bool VerificationKey::verify_eddsa(std::string_view text, std::string_view signature) const {
  Prepared& spare = prepared(Algorithm::eddsa);
  DigestContext context = spare.digests.take();
  if (context == nullptr) {
    context.reset(EVP_MD_CTX_new());
    if (context == nullptr ||
        EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1) {
      throw std::bad_alloc();
    }
  }
  // One-shot (RFC 8032): it leaves the context as it was.
  const bool valid = EVP_DigestVerify(context.get(), bytes(signature), signature.size(),
                                      bytes(text), text.size()) == 1;
  spare.digests.give(std::move(context));
  return valid;
}

Digest sha256(std::string_view text) {
  Digest out;
  hash(out.size(), text, out.data());
  return out;
}

}  // namespace weir::auth
