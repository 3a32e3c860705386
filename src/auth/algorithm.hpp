// The signature algorithms of RFC 7518 section 3.1 and RFC 8037, each with the one kind of key it
// may be used with. There is no "none". Pure data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::auth {

enum class Algorithm : std::uint8_t {
  hs256,
  hs384,
  hs512,
  rs256,
  rs384,
  rs512,
  ps256,
  ps384,
  ps512,
  es256,
  es384,
  es512,
  eddsa,
};
inline constexpr std::size_t algorithm_count = 13;

enum class Family : std::uint8_t { hmac, rsa, rsa_pss, ecdsa, eddsa };

struct AlgorithmInfo {
  std::string_view name;
  Family family;
  const char* digest;  // OpenSSL's name; null for EdDSA, which has its own
  std::size_t hash;    // bytes of the digest
  const char* curve;   // JWK name, with ECDSA
  std::size_t half;    // bytes of r and of s, with ECDSA
};

const AlgorithmInfo& info(Algorithm algorithm) noexcept;
// Names are compared as they are: "none", "hs256" and what we do not know are nothing.
std::optional<Algorithm> algorithm_from_name(std::string_view name) noexcept;

// A set of algorithms.
class Algorithms {
 public:
  constexpr Algorithms() = default;
  static constexpr Algorithms all() noexcept {
    Algorithms out;
    out.bits_ = (1U << algorithm_count) - 1;
    return out;
  }
  constexpr void add(Algorithm algorithm) noexcept { bits_ |= bit(algorithm); }
  constexpr bool has(Algorithm algorithm) const noexcept { return (bits_ & bit(algorithm)) != 0; }
  constexpr bool empty() const noexcept { return bits_ == 0; }
  constexpr Algorithms operator&(Algorithms other) const noexcept {
    Algorithms out;
    out.bits_ = bits_ & other.bits_;
    return out;
  }
  constexpr Algorithms operator|(Algorithms other) const noexcept {
    Algorithms out;
    out.bits_ = bits_ | other.bits_;
    return out;
  }

 private:
  static constexpr std::uint32_t bit(Algorithm algorithm) noexcept {
    return 1U << static_cast<unsigned>(algorithm);
  }
  std::uint32_t bits_ = 0;
};

// Of a `kid`, in a token and in a key.
inline constexpr std::size_t most_kid_bytes = 1024;

}  // namespace weir::auth
