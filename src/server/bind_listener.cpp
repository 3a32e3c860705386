#include "server/bind_listener.hpp"

#include <algorithm>
#include <utility>

namespace weir::server {

std::vector<net::ListenSockets> bind_listener(const config::Listener& listener, unsigned workers,
                                              net::PassedSockets& passed, net::Sharing sharing,
                                              std::vector<std::string>& problems) {
  const auto failed = [&](const std::string& address, const std::string& why) {
    problems.push_back("listener " + listener.name + ": " + address + ": " + why);
  };
  const auto& addresses = listener.bind.addresses();
  // "*:PORT" may come as a socket of each family.
  const bool any_both = std::ranges::any_of(addresses, &config::BindAddress::both_families);
  auto named = passed.take_named(listener.name, workers, addresses.size() + (any_both ? 1 : 0));
  if (!named) {
    failed(listener.bind.to_string(), named.error());
    return {};
  }
  std::vector<net::ListenSockets> out = std::move(*named);
  if (!out.empty()) return out;
  for (const config::BindAddress& each : addresses) {
    auto handed = passed.take_at(each.address, workers);
    if (!handed) {
      failed(each.to_string(), handed.error());
      continue;
    }
    if (!*handed) {
      *handed = passed.take_handed(net::HandedFor::gateway, listener.name, each.to_string());
    }
    auto sockets =
        *handed ? std::move(**handed)
                : net::ListenSockets::open(each.address, workers, each.both_families, sharing);
    if (sockets) {
      out.push_back(std::move(*sockets));
    } else {
      failed(each.to_string(), sockets.error());
    }
  }
  return out;
}

}  // namespace weir::server
