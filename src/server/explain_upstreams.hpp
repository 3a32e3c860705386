// The last steps of an explanation: which upstream of the route gets the request, and how it is.
#pragma once

#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/server/explain.hpp"

namespace weir::server {

// REQUIRES: `route` goes to an upstream.
void explain_upstreams(const config::Config& config, const config::Route& route,
                       const Request& request, const Exchange& exchange, const LiveState& live,
                       Explanation& out);

}  // namespace weir::server
