// What the process lends to its middleware. All of it outlives every chain.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "weir/base/offload.hpp"
#include "weir/middleware/kept_states.hpp"
#include "weir/middleware/subrequest.hpp"
#include "weir/telemetry/metrics.hpp"

namespace weir {

struct MiddlewareServices {
  Offload& offload;
  telemetry::Metrics& metrics;
  KeptStates& kept;
  unsigned workers = 1;
  // A way to ask the upstream of that name, which is there.
  std::function<std::shared_ptr<Subrequest>(std::string_view upstream)> subrequest = {};
};

}  // namespace weir
