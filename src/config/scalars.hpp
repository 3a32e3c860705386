// The scalar kinds of the configuration language as text: durations, sizes, shares, numbers, names.
// Every parser gives the value or what is wrong with the text; the printers write what the parsers
// read. Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/time.hpp"
#include "weir/config/duration.hpp"
#include "weir/config/rate.hpp"

namespace weir::config {

template <class T>
using Parsed = std::expected<T, std::string>;

// Integer and one of B KB MB GB KiB MiB GiB. A bare 0 is zero.
Parsed<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);

// Decimal and '%': 0..1 for 0 % to 100 %. A bare 0 is zero.
Parsed<double> parse_share(std::string_view text);
// The same up to 1000%, for what may be more than the whole.
Parsed<double> parse_multiple(std::string_view text);
std::string format_share(double share);

// An integer of 1 to 1000000000, '/' and s, m or h: "50/s".
Parsed<Rate> parse_rate(std::string_view text);

// A decimal integer of `least` to `most`.
Parsed<std::uint64_t> parse_count(std::string_view text, std::uint64_t least, std::uint64_t most);

// on, off, true or false.
Parsed<bool> parse_flag(std::string_view text);

// Replaces ${NAME} by the environment variable and ${NAME:-default} by it or, where it is unset or
// empty, the default; what was put in is not looked at again. A `$` that no `{` follows is itself.
Parsed<std::string> expand_environment(std::string_view text);

// [A-Za-z0-9_.-]{1,64}
bool is_name(std::string_view text) noexcept;

// `text` between single quotes for a message: controls as '?', cut after 100 bytes.
std::string in_quotes(std::string_view text);

}  // namespace weir::config
