// The fields that a request gains on its way to the upstream: who it is from, for whom, through
// whom (RFC 7239's de-facto predecessors, RFC 9110 section 7.6.3). Worker thread.
#pragma once

#include <string_view>

#include "weir/http/exchange.hpp"
#include "weir/http/head.hpp"

namespace weir::proxy {

// REQUIRES: what an untrusted peer may not say and the hop-by-hop fields have been removed.
// `via_name` is "" when no Via is added.
void add_upstream_fields(RequestHead& head, const Exchange& exchange, std::string_view via_name);

}  // namespace weir::proxy
