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
  std::size_t at = 0;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const std::uint8_t value = values[static_cast<unsigned char>(c)];
    if (value == foreign) return std::nullopt;
    bits = (bits << 6 | value) & 0xFFFF;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out[at++] = static_cast<char>(bits >> held & 0xFF);
    }
  }
  if ((bits & ((1U << held) - 1)) != 0) return std::nullopt;
  return out;
}

}  // namespace weir::auth
