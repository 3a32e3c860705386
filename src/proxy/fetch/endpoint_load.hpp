// What an answer says of its endpoint's load, for upstreams with weights reported. Worker thread
// only.
#pragma once

#include "weir/base/time.hpp"
#include "weir/http/header_map.hpp"
#include "weir/telemetry/upstream_metrics.hpp"
#include "weir/upstream/endpoint.hpp"

namespace weir::proxy {

// Takes endpoint-load-metrics out of `fields`, a head's or trailers', in either of its forms, and
// tells the endpoint what it says.
void take_endpoint_load(HeaderMap& fields, upstream::Endpoint& endpoint,
                        telemetry::UpstreamShard& counts, TimePoint now) noexcept;

// Takes it out of an interim head, which is no report: nobody is told.
void drop_endpoint_load(HeaderMap& fields) noexcept;

}  // namespace weir::proxy
