// By whom requests take turns when they wait for an upstream's places: the KEY of pool.fair, as a
// number. Const after construction, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "weir/base/sip_hash.hpp"
#include "weir/config/key.hpp"
#include "weir/http/caller_key.hpp"

namespace weir::proxy {

class QueueKey {
 public:
  // `path_params` are the names of the route's parameters; they outlive it.
  QueueKey(const config::Key& key, std::span<const std::string> path_params)
      : key_(key.parts), path_params_(path_params) {}

  // The same for all routes of this process; secret, so that nobody can take another's turns. Not
  // 0, which is nobody's.
  std::uint64_t of(const Request& request, const Exchange& exchange) const {
    static const SipKey seed = random_sip_key();
    return sip_hash(seed, key_.of(request, exchange, path_params_).view()) | 1;
  }

 private:
  CallerKey key_;
  std::span<const std::string> path_params_;
};

}  // namespace weir::proxy
