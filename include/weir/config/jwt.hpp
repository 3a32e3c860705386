// What the jwt middleware can be told. Built by the loader, then const.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/time.hpp"
#include "weir/config/place.hpp"

namespace weir::config {

// Where an issuer's keys come from: exactly one of these.
enum class JwtKeyKind : std::uint8_t {
  none,
  jwks_file,
  jwks_url,
  secret,
  secret_file,
  public_key_file
};

struct JwtKeys {
  JwtKeyKind kind = JwtKeyKind::none;
  std::string value;    // the URL, the secret, or the file's name as written
  std::string path;     // of a file: where it is
  std::string content;  // of a file: as it was at load; of a secret_file without its last newline
};

struct JwtIssuer {
  std::string issuer;                   // equal to the token's `iss`
  std::vector<std::string> audiences;   // any of them in `aud`; empty: not looked at
  std::vector<std::string> algorithms;  // names of RFC 7518 section 3.1 and EdDSA; never empty
  std::string typ;                      // the header's `typ`; "": none, JWT or at+jwt
  JwtKeys keys;
};

struct TokenPlace {
  enum class Kind : std::uint8_t { header, cookie, query };
  Kind kind = Kind::header;
  std::string name;
  friend bool operator==(const TokenPlace&, const TokenPlace&) = default;
};

// `scope` must hold all the values, another claim one of them.
struct ClaimRule {
  std::string claim;
  std::vector<std::string> values;
};

struct Jwt {
  static constexpr std::string_view type = "jwt";
  static constexpr std::string_view purpose =
      "verifies a JSON Web Token: 401 token_missing, token_invalid or token_expired";

  std::vector<JwtIssuer> issuers;
  std::vector<TokenPlace> from{{TokenPlace::Kind::header, "authorization"}};
  std::vector<ClaimRule> require;
  Duration clock_skew = 60s;
  bool require_exp = false;  // a token without exp is refused
  Duration max_lifetime{};   // from iat, or without it from now, to exp; 0: any
  std::vector<std::pair<std::string, std::string>> claims_to_headers;  // claim, field name
  bool forward = true;    // the token goes on to the upstream
  bool optional = false;  // no token is fine, a bad one is not
  struct Cache {
    std::uint64_t entries = 10000;  // 0: off
    Duration ttl = 5min;
  } cache;
};

}  // namespace weir::config
