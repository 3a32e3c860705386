#include "telemetry/escaping.hpp"

#include <cstdint>

#include "weir/base/text.hpp"

namespace weir::telemetry {
namespace {

using Block = unsigned char __attribute__((vector_size(16)));

constexpr std::uint64_t each(unsigned char byte) noexcept { return 0x0101010101010101U * byte; }

// The high bit of some byte is set if and only if a byte is not clean: a subtraction borrows from
// the byte above only where the byte below has already given itself away.
constexpr std::uint64_t dirt(std::uint64_t x) noexcept {
  return ((x - each(0x20)) | ((x ^ each('"')) - each(1)) | ((x ^ each('\\')) - each(1)) |
          ((x ^ each(0x7F)) - each(1)) | x) &
         each(0x80);
}

bool copy_short(char* out, const char* in, std::size_t n) noexcept {
  std::uint64_t bad = 0;
  if (n >= 8) {
    std::uint64_t first;
    std::uint64_t last;
    std::memcpy(&first, in, 8);
    std::memcpy(&last, in + n - 8, 8);
    std::memcpy(out, &first, 8);
    std::memcpy(out + n - 8, &last, 8);
    bad = dirt(first) | dirt(last);
  } else if (n >= 4) {
    std::uint32_t first;
    std::uint32_t last;
    std::memcpy(&first, in, 4);
    std::memcpy(&last, in + n - 4, 4);
    std::memcpy(out, &first, 4);
    std::memcpy(out + n - 4, &last, 4);
    bad = dirt(std::uint64_t{last} << 32 | first);
  } else {
    std::uint64_t all = each(' ');
    for (std::size_t i = 0; i < n; ++i) {
      out[i] = in[i];
      all = all << 8 | static_cast<unsigned char>(in[i]);
    }
    bad = dirt(all);
  }
  return bad == 0;
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
    bad |= static_cast<Block>(block < 0x20) | static_cast<Block>(block > 0x7E) |
           static_cast<Block>(block == '"') | static_cast<Block>(block == '\\');
  };
  for (std::size_t at = 0; at + sizeof(Block) <= n; at += sizeof(Block)) copy(at);
  copy(n - sizeof(Block));
  std::uint64_t halves[2];
  std::memcpy(halves, &bad, sizeof halves);
  return (halves[0] | halves[1]) == 0;
}

char* put_json(char* out, std::string_view text, std::string& scratch) {
  if (copy_clean(out, text)) return out + text.size();
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
