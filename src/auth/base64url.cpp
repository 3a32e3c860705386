#include "auth/base64url.hpp"

#include <array>
#include <cstdint>

namespace weir::auth {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t foreign = 0xFF;
constexpr auto values = [] {
  std::array<std::uint8_t, 256> out{};
  out.fill(foreign);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    out[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return out;
}();

}  // namespace

std::optional<std::string> base64url_decode(std::string_view text) {
  const std::size_t left = text.size() % 4;
  if (left == 1) return std::nullopt;
  std::string out;
  out.resize(text.size() / 4 * 3 + (left == 0 ? 0 : left - 1));
  const auto value = [&text](std::size_t i) -> std::uint32_t {
    return values[static_cast<unsigned char>(text[i])];
  };
  char* to = out.data();
  std::uint32_t all = 0;  // what is foreign leaves its upper bits in it
  std::size_t i = 0;
  for (; i + 4 <= text.size(); i += 4) {
    const std::uint32_t a = value(i);
    const std::uint32_t b = value(i + 1);
    const std::uint32_t c = value(i + 2);
    const std::uint32_t d = value(i + 3);
    all |= a | b | c | d;
    *to++ = static_cast<char>(a << 2 | b >> 4);
    *to++ = static_cast<char>(b << 4 | c >> 2);
    *to++ = static_cast<char>(c << 6 | d);
  }
  if (left != 0) {
    const std::uint32_t a = value(i);
    const std::uint32_t b = value(i + 1);
    const std::uint32_t c = left == 3 ? value(i + 2) : 0;
    all |= a | b | c;
    const bool unused_bits = left == 2 ? (b & 0xF) != 0 : (c & 3) != 0;
    if (unused_bits) return std::nullopt;
    *to++ = static_cast<char>(a << 2 | b >> 4);
    if (left == 3) *to++ = static_cast<char>(b << 4 | c >> 2);
  }
  if (all > 63) return std::nullopt;
  return out;
}

}  // namespace weir::auth
