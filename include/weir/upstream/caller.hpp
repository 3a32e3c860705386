// For whom a cluster is asked for a lease. A value; the scope outlives the call.
#pragma once

#include <cstdint>
#include <optional>

#include "weir/base/cancel.hpp"
#include "weir/base/ip.hpp"

namespace weir::upstream {

struct Caller {
  IpAddress client{};            // whose share of the places it takes; not valid: nobody's
  CancelScope* scope = nullptr;  // ends the wait; null: nothing does
  // Hash of who it is, for upstreams that balance by it. None: the least loaded endpoint.
  std::optional<std::uint64_t> key{};
  // Where so few endpoints are healthy that health is ignored: it may go to any of them. False: to
  // a healthy one or none, as it has another place to go to (a fallback for no_healthy_endpoint).
  bool may_panic = true;
  // Hash of by whom its requests take turns when they wait (pool.fair); those without one are one.
  std::uint64_t fair = 0;
};

}  // namespace weir::upstream
