#include "server/debug_steps.hpp"

#include "weir/base/debug_log.hpp"

namespace weir::server {
namespace {

using debug_log::Level;

bool on(Level level) noexcept { return debug_log::on(debug_log::Component::client, level); }

void write(Level level, std::string_view message, LogFields fields) noexcept {
  debug_log::write(debug_log::Component::client, level, message, fields);
}

}  // namespace

void tell_accepted(const ConnectionInfo& connection) {
  if (!on(Level::debug)) return;
  write(Level::debug, "accepted",
        {{"connection", connection.id},
         {"listener", connection.listener_name},
         {"peer", connection.peer.to_string()},
         {"worker", connection.worker}});
}

void tell_secured(const ConnectionInfo& connection, std::string_view alpn) noexcept {
  if (connection.tls == nullptr || !on(Level::trace)) return;
  write(Level::trace, "handshake done",
        {{"connection", connection.id},
         {"tls_version", connection.tls->version},
         {"sni", connection.tls->sni},
         {"alpn", alpn},
         {"resumed", connection.tls->resumed}});
}

void tell_handshake_failed(std::uint64_t connection, HandshakeFault fault,
                           std::string_view error) noexcept {
  if (!on(Level::debug)) return;
  write(Level::debug, "handshake failed",
        {{"connection", connection}, {"cause", name(fault)}, {"error", error}});
}

void tell_closed(const ConnectionInfo& connection) noexcept {
  if (!on(Level::debug)) return;
  write(Level::debug, "closed", {{"connection", connection.id}});
}

void tell_request(const RequestHead& head, const Exchange& exchange) noexcept {
  if (!on(Level::trace)) return;
  write(Level::trace, "request",
        {{"connection", exchange.context.connection.id},
         {"request_id", exchange.context.request_id()},
         {"method", head.method_text},
         {"host", head.host},
         {"path", head.path}});
}

void tell_refused(const Response& response, const Exchange& exchange) noexcept {
  if (response.reason == Reason::none || !on(Level::debug)) return;
  write(Level::debug, "refused",
        {{"connection", exchange.context.connection.id},
         {"request_id", exchange.context.request_id()},
         {"route", exchange.context.route_name},
         {"reason", name(response.reason)},
         {"detail", exchange.record.detail()}});
}

void tell_ended(const Exchange& exchange, const Outcome& outcome) noexcept {
  const bool cancelled = exchange.scope.cancelled();
  const bool whole = outcome.complete && !cancelled;
  const Level level = whole ? Level::trace : Level::debug;
  if (!on(level)) return;
  const Reason why = cancelled ? exchange.scope.reason() : outcome.reason;
  write(level,
        whole       ? "request ended"
        : cancelled ? "request cancelled"
                    : "request cut",
        {{"connection", exchange.context.connection.id},
         {"request_id", exchange.context.request_id()},
         {"status", outcome.status},
         {"why", why == Reason::none ? std::string_view() : name(why)}});
}

}  // namespace weir::server
