#include <array>

#include "weir/telemetry/listener_metrics.hpp"
#include "weir/telemetry/route_metrics.hpp"

namespace weir::telemetry {

std::string_view name(Protocol protocol) noexcept {
  constexpr std::array<std::string_view, protocol_count> names{"http1", "h2", "unknown"};
  return names[static_cast<std::size_t>(protocol)];
}

std::string_view name(Refusal refusal) noexcept {
  constexpr std::array<std::string_view, refusal_count> names{
      "max_connections", "connections_per_client",
      "proxy_protocol",  "handshake_timeout",
      "draining",        "head_memory",
      "no_descriptor",   "no_memory"};
  return names[static_cast<std::size_t>(refusal)];
}

}  // namespace weir::telemetry
