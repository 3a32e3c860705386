// The text of one diagnostic line. Pure; any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "telemetry/timestamp.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::telemetry::log {

// No line is longer, newline included: what a pipe takes at once.
inline constexpr std::size_t longest_line = 4096;

// text: `TIME LEVEL message key=value key="quoted value"`; json: an object with time, level,
// message and the fields. A value that is too long loses its end, fields past the limit are left
// out; the line stays well-formed.
std::string format_line(Format format, WallTime time, Level level, std::string_view message,
                        std::span<const Field> fields);

}  // namespace weir::telemetry::log
