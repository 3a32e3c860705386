// Numbers as text, for lines that are written by every request: tables instead of divisions.
// Each function returns the end of what it wrote. Any thread.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace weir::telemetry {

inline constexpr std::size_t longest_number = 20;

inline constexpr std::array<char, 200> digit_pairs = [] {
  std::array<char, 200> pairs{};
  for (unsigned i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

// REQUIRES: value < 100, 1000, 1000000.
inline char* put_2_digits(char* out, unsigned value) noexcept {
  std::memcpy(out, &digit_pairs[2 * value], 2);
  return out + 2;
}
inline char* put_3_digits(char* out, unsigned value) noexcept {
  *out = static_cast<char>('0' + value / 100);
  return put_2_digits(out + 1, value % 100);
}
inline char* put_6_digits(char* out, unsigned value) noexcept {
  out = put_2_digits(out, value / 10000);
  out = put_2_digits(out, value / 100 % 100);
  return put_2_digits(out, value % 100);
}

inline char* put_number(char* out, std::uint64_t value) noexcept {
  if (value < 10) {
    *out = static_cast<char>('0' + value);
    return out + 1;
  }
  if (value < 100) return put_2_digits(out, static_cast<unsigned>(value));
  if (value < 1000) return put_3_digits(out, static_cast<unsigned>(value));
  return std::to_chars(out, out + longest_number, value).ptr;
}

}  // namespace weir::telemetry
