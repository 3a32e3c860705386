// What a request's Cookie fields say (RFC 6265 section 4.2). No allocation; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "weir/http/header_map.hpp"

namespace weir {

// The value of the first cookie of that name (case counts) as it was sent, quotes included; valid
// as long as the map. Nothing if there is none; what is no pair is passed over.
std::optional<std::string_view> cookie_value(const HeaderMap& headers,
                                             std::string_view name) noexcept;

}  // namespace weir
