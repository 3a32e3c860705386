// What a request is told that is not forwarded, and what the log is. Thread of the exchange.
#pragma once

#include <string_view>

#include "weir/base/reason.hpp"
#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/control/shed_cause.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"

namespace weir::proxy {

inline constexpr std::string_view out_of_time = "the request's deadline is over";
inline constexpr std::string_view hopeless =
    "less time is left than half of the upstream's answers take";

inline constexpr std::string_view no_upgrades =
    "a WebSocket handshake, but the route has no upgrades: [websocket]";

// The detail of a request that the joint rule of a breaker refused.
std::string_view too_much(control::ShedCause cause) noexcept;

// Who forgot the key `upgrades` sees a WebSocket that does not open and nothing that failed: tells
// the access log and, at most once a minute for a route, the diagnostics.
void tell_of_handshake(Exchange& exchange);

// The answer of a request that is not forwarded. `detail` lives until it is awaited; `retry_after`
// of zero: no such field.
Task<Response> refusal(Reason reason, std::string_view detail, const Exchange& exchange,
                       Duration retry_after = {});

}  // namespace weir::proxy
