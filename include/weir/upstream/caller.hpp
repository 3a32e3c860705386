// For whom a cluster is asked for a lease. A value; the scope outlives the call.
#pragma once

#include "weir/base/cancel.hpp"
#include "weir/base/ip.hpp"

namespace weir::upstream {

struct Caller {
  IpAddress client{};            // whose share of the places it takes; not valid: nobody's
  CancelScope* scope = nullptr;  // ends the wait; null: nothing does
};

}  // namespace weir::upstream
