// The last steps of an explanation: which upstream of the route gets the request, and how it is.
#pragma once

#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/server/explain.hpp"

namespace weir::server {

// Adds the steps, if `in_words`, and who of the decision gets it. REQUIRES: `route` goes to an
// upstream.
void explain_upstreams(const config::Config& config, const config::Route& route,
                       const Request& request, const Exchange& exchange, const LiveState& live,
                       bool in_words, Explanation& out);

}  // namespace weir::server
