#include "codec/h1/authority.hpp"

#include <array>

#include "weir/base/ip.hpp"
#include "weir/base/text.hpp"

namespace weir::codec::h1 {
namespace {

enum : std::uint8_t { host_char = 1, upper_char = 2, percent_char = 4 };

constexpr std::array<std::uint8_t, 256> host_classes = [] {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = '0'; c <= '9'; ++c) classes[c] = host_char;
  for (unsigned c = 'a'; c <= 'z'; ++c) classes[c] = host_char;
  for (unsigned c = 'A'; c <= 'Z'; ++c) classes[c] = host_char | upper_char;
  // Unreserved and sub-delims but the comma, where lists of two hosts hide.
  for (const char c : std::string_view("-._~!$&'()*+;=")) {
    classes[static_cast<unsigned char>(c)] = host_char;
  }
  classes['%'] = host_char | percent_char;
  return classes;
}();

bool percent_escapes_are_valid(std::string_view name) noexcept {
  for (std::size_t i = name.find('%'); i != std::string_view::npos; i = name.find('%', i + 1)) {
    if (name.size() - i < 3 || hex_value(name[i + 1]) < 0 || hex_value(name[i + 2]) < 0) {
      return false;
    }
  }
  return true;
}

std::string_view lower_copy(std::string_view text, Arena& arena) {
  char* const out = arena.allocate(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) out[i] = to_lower(text[i]);
  return {out, text.size()};
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text, Arena& arena) {
  Authority out;
  std::size_t size = 0;  // of the host
  std::uint8_t seen = 0;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view address = text.substr(1, close - 1);
    if (address.find(':') == std::string_view::npos || !IpAddress::parse(address)) {
      return std::nullopt;
    }
    size = close + 1;
    seen = upper_char;
    out.host = text.substr(0, size);
  } else {
    for (; size < text.size(); ++size) {
      const std::uint8_t kind = host_classes[static_cast<unsigned char>(text[size])];
      if (kind == 0) break;
      seen |= kind;
    }
    out.host = text.substr(0, size);
    if (out.host.ends_with('.')) out.host.remove_suffix(1);
    if (out.host.empty()) return std::nullopt;
    if ((seen & percent_char) != 0 && !percent_escapes_are_valid(out.host)) return std::nullopt;
  }
  if (size != text.size()) {
    if (text[size] != ':') return std::nullopt;
    const std::string_view port = text.substr(size + 1);
    if (!port.empty()) {
      const auto number = parse_decimal(port);
      if (!number || *number > 65535 || port.size() > 5) return std::nullopt;
      out.port = static_cast<std::uint16_t>(*number);
    }
  }
  if ((seen & upper_char) != 0) out.host = lower_copy(out.host, arena);
  return out;
}

}  // namespace weir::codec::h1
