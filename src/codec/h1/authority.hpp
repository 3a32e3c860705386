// host[:port] as it stands in Host and in absolute targets (RFC 9110 section 7.2, RFC 3986 section
// 3.2), strictly. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/base/arena.hpp"

namespace weir::codec::h1 {

struct Authority {
  std::string_view host;  // lower case, no trailing dot, IPv6 in brackets; `text` or in the arena
  std::optional<std::uint16_t> port;  // none: absent or empty
};

// Nothing for an empty host, a comma, user information, a port above 65535 or any byte that does
// not belong into a name. `arena` takes the host where it has to be rewritten.
std::optional<Authority> parse_authority(std::string_view text, Arena& arena);

}  // namespace weir::codec::h1
