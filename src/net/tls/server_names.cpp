#include "net/tls/server_names.hpp"

#include "weir/base/text.hpp"

namespace weir::net::tls {

std::uint32_t ServerNames::find(std::string_view name) const {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > 255) return default_;
  std::string folded = to_lower(name);
  if (const auto exact = groups_.find(folded); exact != groups_.end()) return exact->second;
  const std::size_t dot = folded.find('.');
  if (dot == std::string::npos || dot == 0) return default_;
  folded.replace(0, dot, "*");
  const auto wildcard = groups_.find(folded);
  return wildcard != groups_.end() ? wildcard->second : default_;
}

std::optional<std::string_view> parse_server_name(
    std::span<const unsigned char> extension) noexcept {
  constexpr unsigned char host_name = 0;
  const auto number = [&](std::size_t at) {
    return static_cast<std::size_t>(extension[at]) << 8 | extension[at + 1];
  };
  // The list's length, then one entry: its type, its length, the name.
  if (extension.size() < 5 || number(0) != extension.size() - 2) return std::nullopt;
  if (extension[2] != host_name || number(3) != extension.size() - 5) return std::nullopt;
  const std::string_view name(reinterpret_cast<const char*>(extension.data()) + 5,
                              extension.size() - 5);
  if (name.empty() || name.size() > 255) return std::nullopt;
  for (const char c : name) {
    if (c <= 0x20 || c == 0x7F) return std::nullopt;
  }
  return name;
}

}  // namespace weir::net::tls
