// The hash by which the index finds hosts and segments. Tables hold only what the configuration
// says, so a client cannot make them long; it needs no secret. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace weir::route {

inline std::uint64_t load_word(const char* from, std::size_t size) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, from, size);
  return word;
}

inline std::uint32_t text_hash(std::string_view text) noexcept {
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15U;
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t hash = left * odd;
  const auto mix = [&hash](std::uint64_t word) {
    hash = (hash ^ word) * odd;
    hash ^= hash >> 32;
  };
  for (; left >= 8; at += 8, left -= 8) mix(load_word(at, 8));
  // Loads of fixed sizes that overlap, rather than a loop or a call for the last bytes.
  if (left >= 4) {
    mix(load_word(at, 4) << 32 | load_word(at + left - 4, 4));
  } else if (left > 0) {
    mix(load_word(at, 1) << 16 | load_word(at + left / 2, 1) << 8 | load_word(at + left - 1, 1));
  }
  return static_cast<std::uint32_t>(hash ^ hash >> 29);
}

}  // namespace weir::route
