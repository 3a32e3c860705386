// What the diagnostics say of connections that end before their first request and of names that are
// not found, and the timer that has the counts of all such lines written.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <string_view>

#include "weir/base/asio.hpp"
#include "weir/base/handshake_fault.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/time.hpp"
#include "weir/telemetry/listener_metrics.hpp"
#include "weir/upstream/discovery.hpp"
#include "weir/upstream/endpoint_files.hpp"

namespace weir::server {

// --- any thread; each not more often than the log allows for each listener and cause

// `why` tells more than the refusal's name, "" for nothing.
void log_refused_connection(TimePoint now, std::string_view listener, const SocketAddress& peer,
                            telemetry::Refusal refusal, std::string_view why) noexcept;
// What is counted where a connection could not be accepted for this errno; nothing where the socket
// itself is at fault.
std::optional<telemetry::Refusal> refusal_of(int error) noexcept;
void log_not_accepted(TimePoint now, std::string_view listener, int error) noexcept;
// `error` are OpenSSL's words, "" for none; the debug log tells of each, with the connection's id.
void log_failed_handshake(TimePoint now, std::string_view listener, const SocketAddress& peer,
                          std::uint64_t connection, HandshakeFault fault,
                          std::string_view error) noexcept;
// What became of a look-up; nothing for one that found an address.
void log_look_up(std::string_view upstream, std::string_view name,
                 const upstream::LookUpReport& report) noexcept;
// The file of an upstream's endpoints_from was read, or could not be taken.
void log_endpoints_file(std::string_view upstream,
                        const upstream::EndpointsFileInfo& info) noexcept;

// Has the counts of rate limited lines written, once a second. Main thread.
class CountsTimer {
 public:
  explicit CountsTimer(asio::io_context& main) : timer_(main) { tick(); }

 private:
  void tick();
  asio::steady_timer timer_;
};

}  // namespace weir::server
