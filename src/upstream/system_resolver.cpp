#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "weir/upstream/resolver.hpp"

namespace weir::upstream {
namespace {

std::expected<std::vector<SocketAddress>, std::string> look_up(const std::string& host,
                                                               std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  std::vector<SocketAddress> out;
  if (failure != 0 && is_localhost(host)) {
    for (const IpAddress& ip : loopback_addresses()) out.emplace_back(ip, port);
    return out;
  }
  if (failure != 0) {
    const int code = errno;
    return std::unexpected(failure == EAI_SYSTEM ? std::generic_category().message(code)
                                                 : std::string(::gai_strerror(failure)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    const SocketAddress address = SocketAddress::from(at->ai_addr, at->ai_addrlen);
    if (address.ip().valid()) out.emplace_back(address.ip(), port);
  }
  return out;
}

}  // namespace

std::unique_ptr<Resolver> make_system_resolver(asio::io_context& main) {
  return make_resolver(main, look_up);
}

}  // namespace weir::upstream
