// base64url as JOSE has it (RFC 7515 section 2): no padding, no white space, unused bits zero, so
// that a text has one value and a value one text. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::auth {

// Nothing for any other text.
std::optional<std::string> base64url_decode(std::string_view text);

}  // namespace weir::auth
