// What the debug log tells of clients' connections and their requests; each asks first whether
// anybody listens. Worker thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "weir/base/debug_log.hpp"
#include "weir/base/handshake_fault.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"

namespace weir::server {

// Asked before what is told of each request.
inline bool tells_of_clients() noexcept {
  return debug_log::on(debug_log::Component::client, debug_log::Level::debug);
}

void tell_accepted(const ConnectionInfo& connection);
// After a handshake under TLS.
void tell_secured(const ConnectionInfo& connection, std::string_view alpn) noexcept;
void tell_handshake_failed(std::uint64_t connection, HandshakeFault fault,
                           std::string_view error) noexcept;
void tell_closed(const ConnectionInfo& connection) noexcept;

void tell_request(const RequestHead& head, const Exchange& exchange) noexcept;
// Weir answers itself, for the response's reason.
void tell_refused(const Response& response, const Exchange& exchange) noexcept;
void tell_ended(const Exchange& exchange, const Outcome& outcome) noexcept;

}  // namespace weir::server
