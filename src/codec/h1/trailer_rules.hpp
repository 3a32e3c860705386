// Which fields may stand behind the content (RFC 9110 section 6.5.1). Pure; any thread.
#pragma once

#include "weir/http/header_map.hpp"

namespace weir::codec::h1 {

// False for what decides framing, routing, authentication, caching, or how the content or the
// request is to be read: behind the content it would be too late, or a way around a check.
bool may_be_trailer(const HeaderMap::Field& field) noexcept;

}  // namespace weir::codec::h1
