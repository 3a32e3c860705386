// The PROXY protocol header that a load balancer sends before the first byte of a connection,
// versions 1 (text) and 2 (binary). Pure; any thread.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/ip.hpp"

namespace weir::net {

struct ProxyHeader {
  std::size_t size = 0;  // bytes of the header; 0: more is needed
  // None of LOCAL and UNKNOWN, which speak of the connection itself, and of unix sockets.
  std::optional<SocketAddress> source;
  std::optional<SocketAddress> destination;
};

// Version 1 takes at most 107 bytes, version 2 at most these.
inline constexpr std::size_t longest_proxy_header = 16 + 4096;

// Looks at the front of `bytes`. Fails, with a detail, as soon as they cannot become a header of a
// stream connection.
std::expected<ProxyHeader, std::string> parse_proxy_header(std::string_view bytes);

}  // namespace weir::net
