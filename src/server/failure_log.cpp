#include "server/failure_log.hpp"

#include <cerrno>
#include <chrono>
#include <new>
#include <string>

#include "server/debug_steps.hpp"
#include "weir/base/errno_name.hpp"
#include "weir/telemetry/occasional.hpp"

namespace weir::server {

namespace log = telemetry::log;

namespace {

// "" without memory for it.
std::string text_of_peer(const SocketAddress& peer) noexcept {
  try {
    return peer.to_string();
  } catch (const std::bad_alloc&) {
    return {};
  }
}

}  // namespace

void log_refused_connection(TimePoint now, std::string_view listener, const SocketAddress& peer,
                            telemetry::Refusal refusal, std::string_view why) noexcept {
  log::occasionally(now, log::Level::warn, "connection refused",
                    {{"listener", listener}, {"reason", name(refusal)}, {"why", why}},
                    {{"peer", text_of_peer(peer)}});
}

std::optional<telemetry::Refusal> refusal_of(int error) noexcept {
  switch (error) {
    case EMFILE:
    case ENFILE:
      return telemetry::Refusal::no_descriptor;
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:  // of epoll: fs.epoll.max_user_watches
      return telemetry::Refusal::no_memory;
    default:
      return std::nullopt;
  }
}

void log_not_accepted(TimePoint now, std::string_view listener, int error) noexcept {
  const auto refusal = refusal_of(error);
  const std::string_view remedy =
      !refusal ? "the socket no longer works: restart the gateway"
      : *refusal == telemetry::Refusal::no_descriptor
          ? "raise the limit of open files or lower server.max_connections"
          : "raise the limit of memory or lower server.max_connections";
  log::occasionally(now, log::Level::error, "connections cannot be accepted",
                    {{"listener", listener}, {"error", errno_name(error)}}, {{"remedy", remedy}});
}

void log_failed_handshake(TimePoint now, std::string_view listener, const SocketAddress& peer,
                          std::uint64_t connection, HandshakeFault fault,
                          std::string_view error) noexcept {
  tell_handshake_failed(connection, fault, error);
  log::occasionally(now, log::Level::info, "TLS handshake failed",
                    {{"listener", listener}, {"cause", name(fault)}},
                    {{"error", error}, {"peer", text_of_peer(peer)}});
}

void log_look_up(std::string_view upstream, std::string_view name,
                 const upstream::LookUpReport& report) noexcept {
  if (report.error.empty()) return;
  log::occasionally(Clock::now(), log::Level::warn, "name not resolved",
                    {{"upstream", upstream}, {"name", name}, {"error", report.error}},
                    {{"result", control::name(report.end)},
                     {"addresses_kept", std::to_string(report.addresses)}});
}

void log_endpoints_file(std::string_view upstream,
                        const upstream::EndpointsFileInfo& info) noexcept {
  const std::string count = std::to_string(info.endpoints);
  if (!info.error.empty()) {
    log::occasionally(Clock::now(), log::Level::warn,
                      "endpoints_from not taken, the endpoints of before stay in use",
                      {{"upstream", upstream}, {"file", info.file}, {"error", info.error}},
                      {{"endpoints", count}});
  } else if (info.empty_in) {
    log::occasionally(Clock::now(), log::Level::warn,
                      "endpoints_from is empty, the endpoints of before stay in use for now",
                      {{"upstream", upstream}, {"file", info.file}});
  } else {
    log::occasionally(Clock::now(), log::Level::info, "endpoints_from read",
                      {{"upstream", upstream}, {"file", info.file}}, {{"endpoints", count}});
  }
}

void CountsTimer::tick() {
  log::tell_counts(Clock::now());
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

}  // namespace weir::server
