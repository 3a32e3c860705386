// What a gateway has to know of gRPC over HTTP/2: its calls, its deadlines, and how it is told that
// there is no answer. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "weir/base/time.hpp"
#include "weir/http/body.hpp"
#include "weir/http/head.hpp"

namespace weir {

// Over HTTP/2, with a content-type of application/grpc alone, or followed by '+' or ';'.
bool is_grpc(const RequestHead& head) noexcept;

// A grpc-timeout: one to eight digits and a unit; nothing for anything else.
std::optional<Duration> parse_grpc_timeout(std::string_view text) noexcept;
// The same again, rounded up where eight digits do not tell it; at least a nanosecond.
std::string grpc_timeout(Duration time);

// Turns an answer of ours that refuses into what a gRPC client reads: HTTP 200, trailers only, with
// the status of the reason's row. The fields that say more (Retry-After and the like) stay.
// REQUIRES: response.reason is not none.
void into_grpc(Response& response);

}  // namespace weir
