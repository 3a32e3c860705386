// Which certificates are for a name: exact, then a wildcard for the first label, then the default.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace weir::net::tls {

class ServerNames {
 public:
  // `name` lower-case, "*." for one label. The group that a name has already stays.
  void add(std::string_view name, std::uint32_t group) {
    groups_.try_emplace(std::string(name), group);
  }
  void set_default(std::uint32_t group) noexcept { default_ = group; }
  // Of a name in any case, with or without a trailing dot.
  std::uint32_t find(std::string_view name) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> groups_;
  std::uint32_t default_ = 0;
};

// The host name of a ClientHello's server_name extension (RFC 6066 section 3); nothing when it has
// none or is not well-formed.
std::optional<std::string_view> parse_server_name(
    std::span<const unsigned char> extension) noexcept;

}  // namespace weir::net::tls
