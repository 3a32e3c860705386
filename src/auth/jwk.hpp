// One key of a JWKS (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2). Pure.
#pragma once

#include "auth/verification_key.hpp"
#include "weir/auth/json_object.hpp"

namespace weir::auth {

// Fails, with what it is, for a key that checks no signatures or that we cannot use.
VerificationKey::Made key_from_jwk(const json::object& jwk, Algorithms wanted);

}  // namespace weir::auth
