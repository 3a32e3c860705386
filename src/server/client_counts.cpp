#include "server/client_counts.hpp"

namespace weir::server {

std::string ClientCounts::key(unsigned listener, const IpAddress& client) {
  const IpAddress network = client.is_v6() ? client.masked(64) : client;
  std::string out = std::to_string(listener);
  out += network.is_v6() ? '6' : '4';
  out.append(reinterpret_cast<const char*>(network.bytes().data()), network.bytes().size());
  return out;
}

bool ClientCounts::enter(unsigned listener, const IpAddress& client, std::uint64_t limit) {
  const std::lock_guard lock(mutex_);
  std::uint64_t& count = counts_[key(listener, client)];
  if (count >= limit) return false;
  ++count;
  return true;
}

void ClientCounts::leave(unsigned listener, const IpAddress& client) {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(key(listener, client));
  if (found != counts_.end() && --found->second == 0) counts_.erase(found);
}

}  // namespace weir::server
