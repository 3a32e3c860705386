#include "auth/algorithm.hpp"

#include <array>

namespace weir::auth {
namespace {

// In the order of the enumeration.
constexpr std::array<AlgorithmInfo, algorithm_count> table{{
    {"HS256", Family::hmac, "SHA256", 32, nullptr, 0},
    {"HS384", Family::hmac, "SHA384", 48, nullptr, 0},
    {"HS512", Family::hmac, "SHA512", 64, nullptr, 0},
    {"RS256", Family::rsa, "SHA256", 32, nullptr, 0},
    {"RS384", Family::rsa, "SHA384", 48, nullptr, 0},
    {"RS512", Family::rsa, "SHA512", 64, nullptr, 0},
    {"PS256", Family::rsa_pss, "SHA256", 32, nullptr, 0},
    {"PS384", Family::rsa_pss, "SHA384", 48, nullptr, 0},
    {"PS512", Family::rsa_pss, "SHA512", 64, nullptr, 0},
    {"ES256", Family::ecdsa, "SHA256", 32, "P-256", 32},
    {"ES384", Family::ecdsa, "SHA384", 48, "P-384", 48},
    {"ES512", Family::ecdsa, "SHA512", 64, "P-521", 66},
    {"EdDSA", Family::eddsa, nullptr, 0, nullptr, 0},
}};

}  // namespace

const AlgorithmInfo& info(Algorithm algorithm) noexcept {
  return table[static_cast<std::size_t>(algorithm)];
}

std::optional<Algorithm> algorithm_from_name(std::string_view name) noexcept {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i].name == name) return static_cast<Algorithm>(i);
  }
  return std::nullopt;
}

}  // namespace weir::auth
