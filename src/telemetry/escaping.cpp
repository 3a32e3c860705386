#include "telemetry/escaping.hpp"

#include <bit>
#include <cstdint>

#include "weir/base/text.hpp"

namespace weir::telemetry {
namespace {

// Signed, so that what is above 7F is below 20 and one comparison finds both.
using Block = signed char __attribute__((vector_size(16)));
using Halves = std::uint64_t __attribute__((vector_size(16)));

// All ones in every byte that is not clean.
Block dirt(Block block) noexcept {
  return (block < 0x20) | (block == 0x7F) | (block == '"') | (block == '\\');
}

bool none(Block dirty) noexcept {
  const auto halves = std::bit_cast<Halves>(dirty);
  return (halves[0] | halves[1]) == 0;
}

template <class Word>
Word word_at(const char* in) noexcept {
  Word word;
  std::memcpy(&word, in, sizeof word);
  return word;
}

// Fewer than 16 bytes: copied as two pieces that may overlap, checked as one block. The block is
// put together in registers: to load what was just stored in halves would stall.
bool copy_short(char* out, const char* in, std::size_t n) noexcept {
  constexpr std::uint64_t spaces = 0x2020202020202020;
  std::uint64_t low = spaces;
  std::uint64_t high = spaces;
  if (n >= 8) {
    low = word_at<std::uint64_t>(in);
    high = word_at<std::uint64_t>(in + n - 8);
    std::memcpy(out, &low, 8);
    std::memcpy(out + n - 8, &high, 8);
  } else if (n >= 4) {
    const auto first = word_at<std::uint32_t>(in);
    const auto last = word_at<std::uint32_t>(in + n - 4);
    std::memcpy(out, &first, 4);
    std::memcpy(out + n - 4, &last, 4);
    low = std::uint64_t{last} << 32 | first;
  } else if (n != 0) {
    // First, middle and last are all there are.
    const auto byte = [in](std::size_t i) {
      return std::uint64_t{static_cast<unsigned char>(in[i])};
    };
    low = spaces << 24 | byte(0) << 16 | byte(n / 2) << 8 | byte(n - 1);
    out[0] = in[0];
    out[n / 2] = in[n / 2];
    out[n - 1] = in[n - 1];
  }
  return none(dirt(std::bit_cast<Block>(Halves{low, high})));
}

}  // namespace

bool copy_clean(char* out, std::string_view text) noexcept {
  const char* in = text.data();
  const std::size_t n = text.size();
  if (n < sizeof(Block)) return copy_short(out, in, n);
  Block bad{};
  const auto copy = [&](std::size_t at) {
    Block block;
    std::memcpy(&block, in + at, sizeof block);
    std::memcpy(out + at, &block, sizeof block);
    bad |= dirt(block);
  };
  for (std::size_t at = 0; at + sizeof(Block) <= n; at += sizeof(Block)) copy(at);
  copy(n - sizeof(Block));
  return none(bad);
}

char* put_json_slowly(char* out, std::string_view text, std::string& scratch) {
  scratch.clear();
  append_json_escaped(scratch, text);
  std::memcpy(out, scratch.data(), scratch.size());
  return out + scratch.size();
}

char* put_hex_escaped(char* out, std::string_view text) noexcept {
  constexpr std::string_view hex = "0123456789ABCDEF";
  if (copy_clean(out, text)) return out + text.size();
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7E || c == '"' || c == '\\') {
      *out++ = '\\';
      *out++ = 'x';
      *out++ = hex[byte >> 4];
      *out++ = hex[byte & 15];
    } else {
      *out++ = c;
    }
  }
  return out;
}

}  // namespace weir::telemetry
