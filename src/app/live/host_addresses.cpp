#include "app/live/host_addresses.hpp"

#include <fmt/format.h>
#include <netdb.h>

#include <future>
#include <memory>
#include <thread>
#include <utility>

namespace weir::app {
namespace {

using Found = std::expected<std::vector<SocketAddress>, std::string>;

Found look_up(const HostPort& place) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int failed =
      ::getaddrinfo(place.host.c_str(), std::to_string(place.port).c_str(), &hints, &list);
  std::vector<SocketAddress> out;
  if (failed != 0 && is_localhost(place.host)) {
    for (const IpAddress& ip : loopback_addresses()) out.emplace_back(ip, place.port);
    return out;
  }
  if (failed != 0) {
    return std::unexpected(
        fmt::format("'{}' has no address: {}", place.host,
                    failed == EAI_SYSTEM ? "system error" : gai_strerror(failed)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(list, ::freeaddrinfo);
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    out.push_back(SocketAddress::from(each->ai_addr, each->ai_addrlen));
  }
  return out;
}

}  // namespace

Found host_addresses(const std::string& text, Duration at_most) {
  if (const auto address = SocketAddress::parse(text)) return std::vector{*address};
  const auto place = split_host_port(text);
  if (!place) return std::unexpected("'" + text + "' is not an address");
  const auto answer = std::make_shared<std::promise<Found>>();
  std::future<Found> found = answer->get_future();
  std::thread([answer, place = *place] { answer->set_value(look_up(place)); }).detach();
  if (found.wait_for(at_most) != std::future_status::ready) {
    return std::unexpected(fmt::format("'{}' was not resolved in time", place->host));
  }
  return found.get();
}

}  // namespace weir::app
