// How long the sender of a request waits for its answer, where it says so: grpc-timeout of a gRPC
// call, and X-Request-Timeout of any request. Pure, one bit to look at where neither came; any
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "weir/base/time.hpp"
#include "weir/http/grpc.hpp"
#include "weir/http/head.hpp"

namespace weir {

// What X-Request-Timeout says: 1 to 12 digits, and `ms`, `s` or nothing behind them, which is
// milliseconds. Nothing for anything else: no sign, no fraction, no space, no other unit. 0 is a
// time, which is over.
struct RequestTimeout {
  Duration time;
  bool bare = false;  // it had no unit
  friend bool operator==(const RequestTimeout&, const RequestTimeout&) = default;
};
std::optional<RequestTimeout> parse_request_timeout(std::string_view text) noexcept;
// The field's value for that time: whole milliseconds, rounded down, at least 1; `1499ms`, or
// `1499` where `bare`.
std::string request_timeout(Duration time, bool bare);

// Of all lines of X-Request-Timeout that say a time, the shortest.
std::optional<RequestTimeout> request_timeout_of(const HeaderMap& headers) noexcept;

// Whether a field may have come that tells a timeout. Most requests have none and need not be asked
// further.
inline bool may_tell_timeout(const RequestHead& head) noexcept {
  return head.headers.may_have(field_set(FieldId::x_request_timeout)) || is_grpc(head);
}

// Which of the fields count.
struct AcceptedDeadlines {
  bool grpc_timeout = true;
  bool request_timeout = true;
};
// How long the answer is waited for, from the request's head; of both fields the shorter time
// counts. A WebSocket is to last: it has none. REQUIRES: X-Request-Timeout of untrusted peers was
// removed.
std::optional<Duration> told_timeout(const RequestHead& head, AcceptedDeadlines accepted) noexcept;

}  // namespace weir
