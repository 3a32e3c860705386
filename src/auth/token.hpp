// A signed token in its compact form (RFC 7515 section 7.1) taken apart, strictly and before
// anything of it is believed. Pure.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

#include "auth/algorithm.hpp"
#include "weir/auth/json_object.hpp"

namespace weir::auth {

inline constexpr std::size_t most_token_bytes = 16 * 1024;

struct Token {
  Algorithm algorithm = Algorithm::hs256;
  std::string kid;               // "" for none
  std::string typ;               // as written, "" for none
  std::string_view signed_text;  // into the text it was parsed from
  std::string signature;
  json::object claims;  // not verified
};

// The error names the class of fault, never a part of the token. Refused are, among others:
// anything but three parts of strict base64url, JSON with a name twice, an algorithm that we do not
// know
// ("none" in any spelling), every `crit` (we understand no extension), `b64` of RFC 7797 other than
// true, a token within a token (`cty`), and an encrypted one. `jwk`, `jku`, `x5u` and `x5c` are not
// looked at: a token does not say which key to believe.
std::expected<Token, std::string_view> parse_token(std::string_view text);

}  // namespace weir::auth
