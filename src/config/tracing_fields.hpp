// The tables of `tracing`, the gateway's and a route's. See blocks.hpp.
#pragma once

#include <optional>

#include "config/fields.hpp"
#include "weir/config/tracing.hpp"

namespace weir::config {

// `off`, or a block.
Value tracing_value(std::optional<Tracing>& tracing);
// `off`, `on` or {sample: SHARE}.
Value route_tracing_value(RouteTracing& tracing);

}  // namespace weir::config
