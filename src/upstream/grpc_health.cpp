#include "upstream/grpc_health.hpp"

namespace weir::upstream::grpc_health {
namespace {

constexpr char service_field = 0x0a;       // field 1, with a length
constexpr std::uint64_t status_field = 1;  // a varint

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}

// Takes one off the front of `text`.
std::optional<std::uint64_t> take_varint(std::string_view& text) noexcept {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !text.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

bool skip(std::string_view& text, std::uint64_t bytes) noexcept {
  if (bytes > text.size()) return false;
  text.remove_prefix(static_cast<std::size_t>(bytes));
  return true;
}

// A field that is not known, by its wire type.
bool skip_field(std::string_view& text, std::uint64_t type) noexcept {
  switch (type) {
    case 0:
      return take_varint(text).has_value();
    case 1:
      return skip(text, 8);
    case 2: {
      const auto size = take_varint(text);
      return size && skip(text, *size);
    }
    case 5:
      return skip(text, 4);
    default:
      return false;
  }
}

}  // namespace

std::string request(std::string_view service) {
  std::string message;
  if (!service.empty()) {
    message += service_field;
    append_varint(message, service.size());
    message += service;
  }
  std::string out(1, '\0');  // not compressed
  for (int shift = 24; shift >= 0; shift -= 8) {
    out += static_cast<char>((message.size() >> shift) & 0xff);
  }
  return out + message;
}

std::optional<std::uint64_t> status_of(std::string_view framed) {
  if (framed.size() < 5 || framed.front() != '\0') return std::nullopt;
  std::uint64_t size = 0;
  for (std::size_t i = 1; i < 5; ++i) size = (size << 8) | static_cast<unsigned char>(framed[i]);
  std::string_view message = framed.substr(5);
  if (message.size() != size) return std::nullopt;
  std::uint64_t status = 0;  // a field that is 0 is left out
  while (!message.empty()) {
    const auto key = take_varint(message);
    if (!key) return std::nullopt;
    if (*key == status_field << 3) {
      const auto value = take_varint(message);
      if (!value) return std::nullopt;
      status = *value;
    } else if (!skip_field(message, *key & 7)) {
      return std::nullopt;
    }
  }
  return status;
}

std::string_view name_of(std::uint64_t status) noexcept {
  switch (status) {
    case 0:
      return "UNKNOWN";
    case serving:
      return "SERVING";
    case 2:
      return "NOT_SERVING";
    case 3:
      return "SERVICE_UNKNOWN";
    default:
      return "an unknown status of grpc.health.v1";
  }
}

}  // namespace weir::upstream::grpc_health
