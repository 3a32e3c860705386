// For whom a cluster is asked for a lease. A value; the scope outlives the call.
#pragma once

#include "weir/base/cancel.hpp"
#include "weir/base/ip.hpp"

namespace weir::upstream {

struct Caller {
  IpAddress client{};            // whose share of the places it takes; not valid: nobody's
  CancelScope* scope = nullptr;  // ends the wait; null: nothing does
  // Where no endpoint is healthy the request may go to one that is not. Not where it has another
  // place to go to, a fallback for no_healthy_endpoint.
  bool may_panic = true;
};

}  // namespace weir::upstream
