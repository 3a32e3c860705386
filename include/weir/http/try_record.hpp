// What one try of a request at an upstream came to: for the access log, the metrics and whoever
// judges endpoints. A value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "weir/base/grpc_status.hpp"
#include "weir/base/reason.hpp"
#include "weir/base/time.hpp"

namespace weir {

struct TryRecord {
  std::string_view endpoint;     // address; lives as long as the exchange
  std::string_view result;       // a literal: the label of weir_upstream_requests_total
  Duration took{};               // connecting included
  Reason reason = Reason::none;  // why there was no whole answer; none also where it was cut
  bool reused = false;           // the connection had carried a request before
  Duration queue{};              // waited for a permit or a place on a connection
  Duration connect{};            // zero: reused
  Duration head{};          // from the request's first byte until the final head or the failure
  std::uint64_t bytes = 0;  // of the answer's content
  int status = 0;           // of the final head; 0: there was none
  GrpcStatus grpc_status = no_grpc_status;
  bool h2 = false;  // over HTTP/2
};

// Of an exchange with more tries the first ones are told, and the last.
inline constexpr std::size_t most_tries_told = 8;

}  // namespace weir
