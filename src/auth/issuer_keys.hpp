// The keys that an issuer's configuration describes. Pure.
#pragma once

#include <string_view>

#include "auth/key_set.hpp"
#include "weir/config/jwt.hpp"

namespace weir::auth {

Algorithms algorithms_of(const config::JwtIssuer& issuer) noexcept;
// The key set in `content`, which is what stands in the issuer's file or at its URL, or its secret.
KeySet::Parsed parse_keys(config::JwtKeyKind kind, std::string_view content, Algorithms wanted);

}  // namespace weir::auth
