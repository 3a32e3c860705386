// The parameters of a query whose values `access_log.query: redact` hides, in lower case.
#pragma once

#include <array>
#include <string_view>

namespace weir::config {

inline constexpr std::array<std::string_view, 5> redacted_parameters{"access_token", "token", "key",
                                                                     "password", "sig"};

}  // namespace weir::config
