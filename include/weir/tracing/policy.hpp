// What a snapshot knows of tracing, and what is done at the two ends of a request. Const, shared by
// all workers.
#pragma once

#include <memory>
#include <string_view>

#include "weir/base/grpc_status.hpp"
#include "weir/config/tracing.hpp"
#include "weir/control/trace_share.hpp"
#include "weir/http/exchange.hpp"
#include "weir/http/head.hpp"
#include "weir/http/trace_context.hpp"
#include "weir/tracing/span_queue.hpp"

namespace weir::tracing {

struct Policy {
  Policy(const config::Tracing& settings, std::shared_ptr<SpanQueue> to)
      : read{.w3c = settings.w3c, .b3 = settings.b3},
        share(settings.sample),
        keep{.errors = settings.keep_errors, .slower_than = settings.keep_slower_than},
        queue(std::move(to)) {}

  const TraceFormats read;
  const control::TraceShare share;
  const control::TraceKeep keep;
  const std::shared_ptr<SpanQueue> queue;
};

// Of one route: whether its requests are traced, and how many of them.
struct RoutePolicy {
  bool on = true;
  control::TraceShare share;
};

// Before the chain: reads what the request says of its trace, decides, and gives it the fields that
// the upstream is to see. The exchange has a `trace` then if its spans may be exported. Returns the
// trace's id, 32 hex digits that live as long as the exchange. `route`: the path of its route as
// written, "" for none; lives as long as the exchange. Worker thread.
std::string_view begin(const Policy& policy, control::TraceShare share, std::string_view route,
                       RequestHead& head, Exchange& exchange);

// After the answer's end: exports the spans of an exchange that has a `trace`, if it was sampled or
// is one to keep. `grpc_status`: as the client read it. Worker thread.
void end(const Policy& policy, const RequestHead& head, const Exchange& exchange,
         const Outcome& outcome, GrpcStatus grpc_status) noexcept;

}  // namespace weir::tracing
