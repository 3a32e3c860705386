// How far a run of allowed bytes goes: the inner loops of the HTTP/1 parsers. Sixteen bytes at a
// time where the machine has SSE2. Nothing at or past `end` is read. Pure; any thread.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace weir::codec::h1 {

enum : std::uint8_t { token_char = 1, underscore_char = 2 };

inline constexpr std::array<std::uint8_t, 256> name_classes = [] {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = '0'; c <= '9'; ++c) classes[c] = token_char;
  for (unsigned c = 'a'; c <= 'z'; ++c) classes[c] = token_char;
  for (unsigned c = 'A'; c <= 'Z'; ++c) classes[c] = token_char;
  for (const char c : std::string_view("!#$%&'*+-.^`|~")) {
    classes[static_cast<unsigned char>(c)] = token_char;
  }
  classes['_'] = token_char | underscore_char;
  return classes;
}();

// The first byte that is neither a letter nor '-', or `end`; may stop early where the next few
// bytes are the last.
inline const char* skip_letters(const char* p, const char* end) noexcept {
#ifdef __SSE2__
  const __m128i small = _mm_set1_epi8(0x20);
  const __m128i a = _mm_set1_epi8('a');
  const __m128i letters = _mm_set1_epi8(25);
  const __m128i hyphen = _mm_set1_epi8('-');
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i letter = _mm_sub_epi8(_mm_or_si128(bytes, small), a);
    const __m128i plain = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(letter, letters), letter),
                                       _mm_cmpeq_epi8(bytes, hyphen));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(plain));
    if (mask != 0xFFFF) return p + std::countr_one(mask);
  }
#endif
  return p;
}

// The first byte that is not a tchar, or `end`; the classes of those before it are joined to
// `seen`.
inline const char* skip_name(const char* p, const char* end, std::uint8_t& seen) noexcept {
  // Most names are of letters and '-' alone.
  for (p = skip_letters(p, end); p != end; ++p) {
    const std::uint8_t kind = name_classes[static_cast<unsigned char>(*p)];
    if (kind == 0) break;
    seen |= kind;
  }
  return p;
}

// HTAB, SP, visible ASCII and obs-text: what a field value or a phrase is made of (RFC 9110
// section 5.5).
constexpr bool is_value_char(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7F) || byte == '\t';
}

// 21-7E without '#': what a request target is made of.
constexpr bool is_target_char(char c) noexcept { return c > 0x20 && c < 0x7F && c != '#'; }

// 80-FF: what stands in no request target.
constexpr bool is_raw_byte(char c) noexcept { return (static_cast<unsigned char>(c) & 0x80) != 0; }

// The first byte that cannot stand in a value, or `end`. What is from `begin` on may be read again.
inline const char* skip_value(const char* p, const char* end, const char* begin) noexcept {
#ifdef __SSE2__
  const __m128i highest_control = _mm_set1_epi8(0x1F);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7F);
  const auto bad_at = [&](const char* at) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, highest_control), bytes);
    const __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), control),
                                     _mm_cmpeq_epi8(bytes, del));
    return static_cast<unsigned>(_mm_movemask_epi8(bad));
  };
  for (; end - p >= 16; p += 16) {
    const unsigned mask = bad_at(p);
    if (mask != 0) return p + std::countr_zero(mask);
  }
  if (end - begin >= 16) {
    const unsigned mask = bad_at(end - 16) >> (16 - (end - p));
    return mask != 0 ? p + std::countr_zero(mask) : end;
  }
#endif
  while (p != end && is_value_char(*p)) ++p;
  return p;
}

inline const char* skip_value(const char* p, const char* end) noexcept {
  return skip_value(p, end, p);
}

inline const char* skip_target(const char* p, const char* end) noexcept {
#ifdef __SSE2__
  const __m128i space = _mm_set1_epi8(0x20);
  const __m128i del = _mm_set1_epi8(0x7F);
  const __m128i hash = _mm_set1_epi8('#');
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    // Signed: bytes above 7F are below the space, too.
    const __m128i good = _mm_cmpgt_epi8(bytes, space);
    const __m128i odd = _mm_or_si128(_mm_cmpeq_epi8(bytes, del), _mm_cmpeq_epi8(bytes, hash));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_andnot_si128(odd, good)));
    if (mask != 0xFFFF) return p + std::countr_one(mask);
  }
#endif
  while (p != end && is_target_char(*p)) ++p;
  return p;
}

// The same, where bytes above 7F may stand, too.
inline const char* skip_raw_target(const char* p, const char* end) noexcept {
  p = skip_target(p, end);
  while (p != end && is_raw_byte(*p)) p = skip_target(p + 1, end);
  return p;
}

}  // namespace weir::codec::h1
