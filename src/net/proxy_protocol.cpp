#include "weir/net/proxy_protocol.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "weir/base/text.hpp"

namespace weir::net {
namespace {

using Parsed = std::expected<ProxyHeader, std::string>;

constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::string_view prefix = "PROXY ";
constexpr std::size_t longest_v1 = 107;
constexpr std::size_t fixed_v2 = 16;

std::unexpected<std::string> bad(std::string_view what) {
  return std::unexpected("PROXY header: " + std::string(what));
}

// Takes the text up to the next space off the front; the rest, when there is none.
std::string_view take_word(std::string_view& line) noexcept {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

std::optional<SocketAddress> v1_address(std::string_view ip, std::string_view port, bool v6) {
  const bool looks_v6 = ip.find(':') != std::string_view::npos;
  const auto address = IpAddress::parse(ip);
  if (!address || looks_v6 != v6) return std::nullopt;
  const auto number = parse_decimal(port);
  const bool leading_zero = port.size() > 1 && port.front() == '0';
  if (!number || *number > 65535 || leading_zero) return std::nullopt;
  return SocketAddress(*address, static_cast<std::uint16_t>(*number));
}

Parsed parse_v1(std::string_view bytes) {
  const std::string_view window = bytes.substr(0, longest_v1);
  const std::size_t end = window.find_first_of("\r\n");
  if (end == std::string_view::npos) {
    if (window.size() == longest_v1) return bad("version 1 line too long");
    return ProxyHeader{};
  }
  if (window[end] == '\n') return bad("a bare LF");
  if (end + 1 == longest_v1) return bad("version 1 line too long");
  if (end + 1 == window.size()) return ProxyHeader{};
  if (window[end + 1] != '\n') return bad("a bare CR");

  ProxyHeader header;
  header.size = end + 2;
  std::string_view line = window.substr(prefix.size(), end - prefix.size());
  const bool alone = line.find(' ') == std::string_view::npos;
  const std::string_view family = take_word(line);
  if (family == "UNKNOWN") return header;
  if (alone || (family != "TCP4" && family != "TCP6")) return bad("unknown family");
  if (std::ranges::count(line, ' ') != 3) return bad("not two addresses and two ports");
  const std::string_view source = take_word(line);
  const std::string_view destination = take_word(line);
  const std::string_view source_port = take_word(line);
  const bool v6 = family == "TCP6";
  header.source = v1_address(source, source_port, v6);
  header.destination = v1_address(destination, line, v6);
  if (!header.source || !header.destination) return bad("malformed address or port");
  return header;
}

std::uint16_t number_at(std::string_view bytes, std::size_t at) noexcept {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8 |
                                    static_cast<unsigned char>(bytes[at + 1]));
}

template <std::size_t Size>
std::array<std::uint8_t, Size> bytes_at(std::string_view bytes, std::size_t at) noexcept {
  std::array<std::uint8_t, Size> out;
  std::memcpy(out.data(), bytes.data() + at, Size);
  return out;
}

bool records_are_whole(std::string_view records) noexcept {
  while (!records.empty()) {
    if (records.size() < 3) return false;
    const std::size_t length = number_at(records, 1);
    if (records.size() - 3 < length) return false;
    records.remove_prefix(3 + length);
  }
  return true;
}

// Size of the two addresses and ports of a family and transport byte; nothing for datagrams and
// what is not defined.
std::optional<std::size_t> addresses_size(unsigned char family) noexcept {
  switch (family) {
    case 0x00:
      return 0;
    case 0x11:
      return 12;
    case 0x21:
      return 36;
    case 0x31:
      return 216;
    default:
      return std::nullopt;
  }
}

Parsed parse_v2(std::string_view bytes) {
  constexpr unsigned char local = 0x20;
  constexpr unsigned char proxied = 0x21;
  if (bytes.size() <= 12) return ProxyHeader{};
  const auto command = static_cast<unsigned char>(bytes[12]);
  if (command != local && command != proxied) return bad("unknown version or command");
  if (bytes.size() <= 13) return ProxyHeader{};
  const auto family = static_cast<unsigned char>(bytes[13]);
  const auto addresses = addresses_size(family);
  if (command == proxied && !addresses) return bad("unknown family or transport");
  if (bytes.size() < fixed_v2) return ProxyHeader{};
  const std::size_t length = number_at(bytes, 14);
  if (fixed_v2 + length > longest_proxy_header) return bad("version 2 header too long");
  if (command == proxied && length < *addresses) return bad("too short for its addresses");
  if (bytes.size() - fixed_v2 < length) return ProxyHeader{};

  ProxyHeader header;
  header.size = fixed_v2 + length;
  // A LOCAL connection's addresses and records are to be ignored, whatever they are.
  if (command == local) return header;
  const std::string_view content = bytes.substr(fixed_v2, length);
  if (family != 0x00 && !records_are_whole(content.substr(*addresses))) {
    return bad("a record longer than the header");
  }
  if (family == 0x11) {
    header.source = SocketAddress(IpAddress::v4(bytes_at<4>(content, 0)), number_at(content, 8));
    header.destination =
        SocketAddress(IpAddress::v4(bytes_at<4>(content, 4)), number_at(content, 10));
  } else if (family == 0x21) {
    header.source = SocketAddress(IpAddress::v6(bytes_at<16>(content, 0)), number_at(content, 32));
    header.destination =
        SocketAddress(IpAddress::v6(bytes_at<16>(content, 16)), number_at(content, 34));
  }
  return header;
}

}  // namespace

std::expected<ProxyHeader, std::string> parse_proxy_header(std::string_view bytes) {
  if (bytes.substr(0, prefix.size()) == prefix.substr(0, bytes.size())) {
    return bytes.size() < prefix.size() ? Parsed(ProxyHeader{}) : parse_v1(bytes);
  }
  if (bytes.substr(0, signature.size()) == signature.substr(0, bytes.size())) {
    return parse_v2(bytes);
  }
  return bad("missing");
}

}  // namespace weir::net
