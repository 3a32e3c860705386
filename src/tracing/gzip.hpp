// gzip (RFC 1952), in one go. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::tracing {

// Nothing when there is no memory for it.
std::optional<std::string> gzip(std::string_view text);

}  // namespace weir::tracing
