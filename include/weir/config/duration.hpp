// Durations as the configuration language writes them, and as an operator does. Pure.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "weir/base/time.hpp"

namespace weir::config {

inline constexpr Duration longest_duration = std::chrono::hours(24 * 3650);

// Decimal and one of us, ms, s, m, h, d: "1.5s". A bare 0 is zero. The error says what is wrong
// with the text.
std::expected<Duration, std::string> parse_duration(std::string_view text);
// In the largest unit that needs no decimals; zero is "0s".
std::string format_duration(Duration duration);

}  // namespace weir::config
