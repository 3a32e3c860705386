// What the process lends to its middleware. All of it outlives every chain.
#pragma once

#include "weir/base/offload.hpp"
#include "weir/middleware/kept_states.hpp"
#include "weir/telemetry/metrics.hpp"

namespace weir {

struct MiddlewareServices {
  Offload& offload;
  telemetry::Metrics& metrics;
  KeptStates& kept;
  unsigned workers = 1;
};

}  // namespace weir
