// Where requests go that are no client's own: subrequests and copies. A value; any thread.
#pragma once

#include <cstddef>
#include <memory>

#include "weir/telemetry/upstream_metrics.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::proxy {

struct SideTarget {
  std::shared_ptr<upstream::Cluster> cluster;
  std::shared_ptr<telemetry::UpstreamMetrics> metrics;
  std::size_t response_header_size = 64 * 1024;  // bytes
};

}  // namespace weir::proxy
