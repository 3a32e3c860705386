#include "upstream/debug_steps.hpp"

#include <chrono>

#include "weir/base/debug_log.hpp"
#include "weir/net/tls_session.hpp"

namespace weir::upstream {
namespace {

using debug_log::Level;

bool on(Level level) noexcept { return debug_log::on(debug_log::Component::upstream, level); }

void write(Level level, std::string_view message, LogFields fields) noexcept {
  debug_log::write(debug_log::Component::upstream, level, message, fields);
}

}  // namespace

void tell_connecting(std::string_view upstream, const Endpoint& endpoint) noexcept {
  if (!on(Level::trace)) return;
  write(Level::trace, "connecting", {{"upstream", upstream}, {"endpoint", endpoint.address()}});
}

void tell_connected(std::string_view upstream, const Endpoint& endpoint, net::Stream& stream,
                    Duration took) noexcept {
  if (!on(Level::debug)) return;
  write(Level::debug, "connected",
        {{"upstream", upstream},
         {"endpoint", endpoint.address()},
         {"connection", stream.id()},
         {"tls", stream.tls() != nullptr},
         {"alpn", stream.alpn()},
         {"ms", std::chrono::duration<double, std::milli>(took).count()}});
}

void tell_connect_failed(std::string_view upstream, const Endpoint& endpoint,
                         const Error& error) noexcept {
  if (!on(Level::debug)) return;
  write(Level::debug, "connect failed",
        {{"upstream", upstream},
         {"endpoint", endpoint.address()},
         {"reason", name(error.reason)},
         {"error", error.detail}});
}

void tell_retired(std::uint64_t connection, std::string_view why) noexcept {
  if (!on(Level::debug)) return;
  write(Level::debug, "connection retired", {{"connection", connection}, {"why", why}});
}

}  // namespace weir::upstream
