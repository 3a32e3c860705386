// What a gateway has to know of gRPC over HTTP/2: its calls, its deadlines, and how it is told that
// there is no answer. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "weir/base/reason.hpp"
#include "weir/base/time.hpp"
#include "weir/http/body.hpp"
#include "weir/http/head.hpp"

namespace weir {

// The content-type is application/grpc alone, or followed by '+' or ';', whatever the version.
bool has_grpc_content(const RequestHead& head) noexcept;
// That, over HTTP/2.
inline bool is_grpc(const RequestHead& head) noexcept {
  return head.version == Version::http2 && has_grpc_content(head);
}

// A grpc-timeout: one to eight digits and a unit; nothing for anything else.
std::optional<Duration> parse_grpc_timeout(std::string_view text) noexcept;
// The same again, rounded up where eight digits do not tell it; at least a nanosecond.
std::string grpc_timeout(Duration time);

// An answer of ours that refuses: it has a reason, or is a fault on purpose, which has only a
// detail.
bool refuses(const Response& response) noexcept;
// The status that its client reads then: that of the reason's row, or without a reason that of the
// first row with this HTTP status, else UNKNOWN.
int grpc_status_of(Reason reason, int status) noexcept;
// Turns one that does into what a gRPC client reads: HTTP 200, trailers only, with the status of
// the reason's row, or without a reason that of the first row with this HTTP status, else UNKNOWN.
// The fields that say more (Retry-After and the like) stay.
void into_grpc(Response& response);

}  // namespace weir
