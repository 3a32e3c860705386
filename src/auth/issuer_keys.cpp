#include "auth/issuer_keys.hpp"

#include <string>

#include "weir/auth/key_keeper.hpp"

namespace weir::auth {

Algorithms algorithms_of(const config::JwtIssuer& issuer) noexcept {
  Algorithms out;
  for (const std::string& name : issuer.algorithms) {
    if (const auto algorithm = algorithm_from_name(name)) out.add(*algorithm);
  }
  return out;
}

KeySet::Parsed parse_keys(config::JwtKeyKind kind, std::string_view content, Algorithms wanted) {
  switch (kind) {
    case config::JwtKeyKind::secret:
    case config::JwtKeyKind::secret_file:
      return KeySet::from_secret(std::string(content), wanted);
    case config::JwtKeyKind::public_key_file:
      return KeySet::from_pem(content, wanted);
    case config::JwtKeyKind::jwks_file:
    case config::JwtKeyKind::jwks_url:
    case config::JwtKeyKind::none:
      break;
  }
  return KeySet::from_jwks(content, wanted);
}

std::string key_fault(const config::JwtIssuer& issuer) {
  const config::JwtKeys& keys = issuer.keys;
  if (keys.kind == config::JwtKeyKind::jwks_url) return "";
  const bool written = keys.kind == config::JwtKeyKind::secret;
  const auto parsed =
      parse_keys(keys.kind, written ? keys.value : keys.content, algorithms_of(issuer));
  return parsed ? "" : parsed.error();
}

}  // namespace weir::auth
