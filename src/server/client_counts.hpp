// How many connections each client address has, for connections_per_client. Shared by the workers
// under a short lock, touched only where a listener has that limit.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "weir/base/ip.hpp"

namespace weir::server {

class ClientCounts {
 public:
  // Counts one more unless `limit` has been reached. IPv6 clients are counted by their /64.
  bool enter(unsigned listener, const IpAddress& client, std::uint64_t limit);
  void leave(unsigned listener, const IpAddress& client);

 private:
  static std::string key(unsigned listener, const IpAddress& client);

  std::mutex mutex_;
  std::unordered_map<std::string, std::uint64_t> counts_;  // guarded by mutex_; none is zero
};

}  // namespace weir::server
