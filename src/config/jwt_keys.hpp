// Where an issuer's keys come from, and whether they go with its algorithms.
#pragma once

#include <string>

#include "config/fields.hpp"
#include "weir/config/jwt.hpp"

namespace weir::config {

// A mapping with exactly one of jwks_file, jwks_url, secret, secret_file and public_key_file. Files
// are read; a secret is not shown.
Value jwt_keys_value(JwtKeys& keys);

// What is wrong with algorithms and keys together, "" for nothing: no algorithm, a secret for
// signatures or a public key for HMAC, a secret shorter than the hash (RFC 7518 section 3.2).
std::string jwt_issuer_fault(const JwtIssuer& issuer);

}  // namespace weir::config
