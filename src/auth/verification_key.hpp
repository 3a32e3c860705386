// A key that signatures are checked with, bound to the algorithms that its kind allows: an RSA key
// is never an HMAC secret, P-256 never checks ES384. Built once, then const; any thread may verify,
// with contexts that were prepared once and go from one verification to the next.
#pragma once

#include <array>
#include <cstddef>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/algorithm.hpp"
#include "auth/openssl_handles.hpp"

namespace weir::auth {

class VerificationKey {
 public:
  using Made = std::expected<std::unique_ptr<const VerificationKey>, std::string>;

  // The algorithms are those of `wanted` that the key allows. Fails, with words for the log that
  // say nothing of the key's material, when that is none, and for a key that is too weak or too
  // large: RSA below 2048 or above 8192 bits or with an exponent that is even or beyond 64 bits, a
  // secret shorter than the algorithm's hash, a curve that JOSE does not know.
  static Made from_public_key(PublicKey key, Algorithms wanted, std::string kid);
  static Made from_secret(std::string secret, Algorithms wanted, std::string kid);

  ~VerificationKey();
  VerificationKey(const VerificationKey&) = delete;
  VerificationKey& operator=(const VerificationKey&) = delete;

  const std::string& kid() const noexcept { return kid_; }  // "" for none
  bool allows(Algorithm algorithm) const noexcept { return allowed_.has(algorithm); }
  // One verification takes longer than a worker should be held up (0.2 ms and more).
  bool slow() const noexcept { return slow_; }
  // Whether `signature` is one of `signed_text`. REQUIRES: allows(algorithm).
  bool verify(Algorithm algorithm, std::string_view signed_text, std::string_view signature) const;

 private:
  // Prepared contexts that nobody uses at the moment.
  template <class Context>
  class Spare {
   public:
    Context take() {
      const std::lock_guard lock(mutex_);
      if (free_.empty()) return nullptr;
      Context out = std::move(free_.back());
      free_.pop_back();
      return out;
    }
    void give(Context context) {
      const std::lock_guard lock(mutex_);
      free_.push_back(std::move(context));
    }

   private:
    std::mutex mutex_;
    std::vector<Context> free_;
  };
  struct Prepared {
    Algorithm algorithm;
    Spare<KeyContext> keys;
    Spare<MacContext> macs;
    Spare<DigestContext> digests;  // EdDSA's, which hashes by itself
  };

  VerificationKey(std::string kid, PublicKey key, std::string secret, Algorithms allowed);

  Prepared& prepared(Algorithm algorithm) const noexcept;
  KeyContext prepare_key(Algorithm algorithm) const;
  MacContext prepare_mac(Algorithm algorithm) const;
  bool verify_mac(Algorithm algorithm, std::string_view text, std::string_view signature) const;
  bool verify_eddsa(std::string_view text, std::string_view signature) const;

  const std::string kid_;
  const PublicKey key_;       // null for a secret
  const std::string secret_;  // "" for a public key
  const Algorithms allowed_;
  bool slow_ = false;
  std::size_t signature_size_ = 0;  // of an RSA key
  std::vector<std::unique_ptr<Prepared>> prepared_;
};

// SHA-256 of a text.
using Digest = std::array<unsigned char, 32>;
Digest sha256(std::string_view text);

}  // namespace weir::auth
