// Frames of HTTP/2 as bytes (RFC 9113 section 4.1), for tests that speak it themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::test::h2 {

enum Type : unsigned char {
  data = 0,
  headers = 1,
  rst_stream = 3,
  settings = 4,
  ping = 6,
  goaway = 7,
  window_update = 8,
};

inline constexpr unsigned char end_stream = 1;
inline constexpr unsigned char ack = 1;
inline constexpr unsigned char end_headers = 4;

inline constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// In four bytes.
inline std::string number(std::uint32_t value) {
  std::string out;
  for (unsigned shift = 32; shift != 0; shift -= 8) {
    out += static_cast<char>(value >> (shift - 8) & 255);
  }
  return out;
}

inline std::string frame(unsigned char type, unsigned char flags, std::uint32_t stream,
                         std::string_view content = {}) {
  std::string out = number(static_cast<std::uint32_t>(content.size())).substr(1);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  out += number(stream);
  out += content;
  return out;
}

struct Frame {
  unsigned type = 0;
  unsigned flags = 0;
  std::uint32_t stream = 0;
  std::string_view content;

  bool ends_stream() const noexcept {
    return (type == data || type == headers) && (flags & end_stream) != 0;
  }
};

// The first frame of `bytes`, taken off them; nothing while it is not whole.
inline std::optional<Frame> take_frame(std::string_view& bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.size() < 9) return std::nullopt;
  const std::size_t size = std::size_t{byte(0)} << 16 | std::size_t{byte(1)} << 8 | byte(2);
  if (bytes.size() < 9 + size) return std::nullopt;
  Frame out;
  out.type = byte(3);
  out.flags = byte(4);
  for (std::size_t i = 5; i < 9; ++i) out.stream = out.stream << 8 | byte(i);
  out.content = bytes.substr(9, size);
  bytes.remove_prefix(9 + size);
  return out;
}

}  // namespace weir::test::h2
