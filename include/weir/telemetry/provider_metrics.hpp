// What is counted of a provider of configuration. Main thread.
#pragma once

#include "weir/telemetry/cells.hpp"

namespace weir::telemetry {

struct ProviderMetrics {
  SharedValue up;  // 1 or 0
  SharedValue
      last_success;  // when its documents were put in force, seconds since the epoch; 0: never
  Counter rejected;  // versions of documents that were not taken
};

}  // namespace weir::telemetry
