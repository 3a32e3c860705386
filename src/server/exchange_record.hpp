// What an exchange leaves behind when it is over: counts and a line in the access log. Worker
// thread.
#pragma once

#include "weir/http/exchange.hpp"
#include "weir/telemetry/access_log.hpp"
#include "weir/telemetry/access_tap.hpp"
#include "weir/telemetry/route_metrics.hpp"

namespace weir::server {

// An exchange that was routed leaves its route's in_flight gauge.
void count_exchange(telemetry::RouteShard& shard, const RequestHead& head, const Exchange& exchange,
                    const Outcome& outcome);
// How a call of gRPC ended for its client: the upstream's word, or that of our refusal.
GrpcStatus told_grpc_status(const RequestHead& head, const Exchange& exchange,
                            const Outcome& outcome);
// To the log if its policy wants it and the route is `logged`, and to whoever watches.
void write_access_line(telemetry::AccessLog& log, telemetry::AccessTap& tap,
                       const telemetry::AccessPolicy& policy, bool logged, const RequestHead& head,
                       const Exchange& exchange, const Outcome& outcome);

}  // namespace weir::server
