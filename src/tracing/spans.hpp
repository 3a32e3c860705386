// The spans of a request in OTLP's encoding, named and described by OpenTelemetry's semantic
// conventions for HTTP and RPC. Worker thread.
#pragma once

#include <cstdint>
#include <string>

#include "weir/base/grpc_status.hpp"
#include "weir/http/exchange.hpp"
#include "weir/http/head.hpp"

namespace weir::tracing {

// A request that is over. REQUIRES: the exchange has a trace.
struct Finished {
  const RequestHead& head;
  const Exchange& exchange;
  const Outcome& outcome;
  GrpcStatus grpc_status = no_grpc_status;  // as the client read it
};

// Whether its span says so: 5xx, an answer that was cut though its client was there, and what gRPC
// counts as a failure of the server.
bool is_error(const Finished& of) noexcept;

// Appends them as fields `spans` of a message ScopeSpans; returns how many there are.
std::uint32_t append_spans(std::string& out, const Finished& of);

}  // namespace weir::tracing
