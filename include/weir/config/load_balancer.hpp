// upstreams.NAME.load_balancer as a plain struct; each initialiser is the default. Built by the
// loader, then const.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/base/time.hpp"
#include "weir/config/key.hpp"

namespace weir::config {

enum class LoadBalancing : std::uint8_t {
  round_robin,
  least_requests,
  random_two,
  peak_ewma,
  hash,
};

std::string_view name(LoadBalancing policy) noexcept;  // as in the file

struct LoadBalancer {
  LoadBalancing policy = LoadBalancing::round_robin;
  std::optional<Key> key;        // with policy hash, and only there
  double bounded_load = 1.25;    // of policy hash: above 1; 0: no bound
  Duration slow_start{};         // 0: off
  double panic_threshold = 0.5;  // share, 0..1; 0: off
};

}  // namespace weir::config
