// upstreams.NAME.load_balancer as a plain struct; each initialiser is the default. Built by the
// loader, then const.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/time.hpp"
#include "weir/config/key.hpp"
#include "weir/config/place.hpp"

namespace weir::config {

enum class LoadBalancing : std::uint8_t {
  round_robin,
  least_requests,
  random_two,
  peak_ewma,
  hash,
};

std::string_view name(LoadBalancing policy) noexcept;  // as in the file

// Where the weights of endpoints come from.
enum class BalancerWeights : std::uint8_t {
  configured,
  reported,  // what their answers say of their load
};

struct LoadBalancer {
  LoadBalancing policy = LoadBalancing::round_robin;
  std::optional<Key> key;                                 // with policy hash, and only there
  double bounded_load = 1.25;                             // of policy hash: above 1; 0: no bound
  Duration slow_start{};                                  // 0: off
  double panic_threshold = 0.5;                           // share, 0..1; 0: off
  bool zone_aware = false;                                // not with policy hash
  BalancerWeights weights = BalancerWeights::configured;  // not reported with policy hash

  // Not written here: `server.zone`, and where `zone_aware` was.
  std::string local_zone{};
  Place zone_aware_place{};

  // Some requests may stay in the gateway's zone.
  bool splits_zones() const noexcept {
    return zone_aware && !local_zone.empty() && policy != LoadBalancing::hash;
  }
};

}  // namespace weir::config
