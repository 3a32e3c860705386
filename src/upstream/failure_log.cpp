#include "upstream/failure_log.hpp"

#include "weir/telemetry/occasional.hpp"

namespace weir::upstream {
namespace {

std::string_view message_of(Reason reason) noexcept {
  switch (info(reason).try_result) {
    case TryResult::connect_failed:
    case TryResult::connect_timeout:
      return "connect failed";
    case TryResult::tls_failed:
      return "upstream TLS failed";
    case TryResult::reset:
    case TryResult::bad_response:
      return "upstream's HTTP/2 failed";
    case TryResult::ok:
    case TryResult::client_gone:
    case TryResult::timeout:
    case TryResult::hedge_lost:
    case TryResult::end:
      break;
  }
  return {};
}

}  // namespace

void log_connect_failure(TimePoint now, std::string_view upstream, const Endpoint& endpoint,
                         const Error& error) noexcept {
  const std::string_view message = message_of(error.reason);
  if (message.empty() || error.side == Side::downstream) return;
  namespace log = telemetry::log;
  const bool out_of_time = error.reason == Reason::connect_timeout && error.detail.empty();
  log::occasionally(now, log::Level::warn, message,
                    {{"upstream", upstream},
                     {"error", out_of_time ? std::string_view("ETIMEDOUT") : error.detail}},
                    {{"endpoint", endpoint.address()}});
}

}  // namespace weir::upstream
