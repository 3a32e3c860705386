// Small questions about bytes that more than one room asks. ASCII only, no locale, no allocation
// unless a std::string is returned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir {

constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string to_lower(std::string_view text);
bool iequals(std::string_view a, std::string_view b) noexcept;
bool istarts_with(std::string_view text, std::string_view prefix) noexcept;

// `text` without spaces and tabs at its ends (OWS of RFC 9110 section 5.6.3).
std::string_view trim(std::string_view text) noexcept;

// Decimal digits only: no sign, no space, no empty text, no overflow.
std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept;

// The value of one hex digit, or -1.
constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// A tchar of RFC 9110 section 5.6.2.
bool is_token_char(char c) noexcept;
bool is_token(std::string_view text) noexcept;

// Calls `fn(element)` for each trimmed, non-empty element of a comma-separated list; quoted strings
// are not looked into. Stops when fn returns false; returns whether all were visited.
template <class Fn>
bool for_each_element(std::string_view list, Fn&& fn) {
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view element = trim(list.substr(0, comma));
    if (!element.empty() && !fn(element)) return false;
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
  }
}

// The member of `known` that `word` was most likely meant to be (edit distance at most a third of
// its length, at least 1), "" when none is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

// Appends `text` as the inside of a JSON string: quotes, backslashes, controls (C1 and Unicode's
// line ends too) and bytes that are not UTF-8 escaped, so nothing in it can end the string or the
// line.
void append_json_escaped(std::string& out, std::string_view text);

// Standard base64 (RFC 4648 section 4) with padding; nothing for anything else.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace weir
