// An issuer's keys at one time: read from a JWKS, a PEM file or a secret, then const. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/verification_key.hpp"

namespace weir::auth {

class KeySet {
 public:
  using Keys = std::vector<std::unique_ptr<const VerificationKey>>;
  using Parsed = std::expected<std::shared_ptr<const KeySet>, std::string>;

  explicit KeySet(Keys keys) noexcept : keys_(std::move(keys)) {}

  // RFC 7517 section 5, RFC 8037. Keys that we cannot use are passed over, as the RFC has it: other
  // kinds and curves, another `use` or no "verify" in `key_ops`, weak or malformed ones, those that
  // none of `wanted` may be used with. Fails when the text is no key set, has more than 256 keys,
  // or none is left. Nothing in it is ever fetched (x5u) or believed (x5c).
  static Parsed from_jwks(std::string_view text, Algorithms wanted);
  // SubjectPublicKeyInfo or RSAPublicKey.
  static Parsed from_pem(std::string_view text, Algorithms wanted);
  static Parsed from_secret(std::string secret, Algorithms wanted);

  // The keys that may have signed: those of that kid and those without one, all where the token
  // names none. Several keys of one kid are tried in turn, at most `most_tries`.
  static constexpr std::size_t most_tries = 8;
  struct Candidates {
    std::array<const VerificationKey*, most_tries> keys{};
    std::size_t count = 0;
    std::span<const VerificationKey* const> all() const noexcept { return {keys.data(), count}; }
  };
  Candidates candidates(Algorithm algorithm, std::string_view kid) const noexcept;

  const Keys& keys() const noexcept { return keys_; }

 private:
  Keys keys_;
};

inline constexpr std::size_t most_key_set_bytes = 1 << 20;

}  // namespace weir::auth
