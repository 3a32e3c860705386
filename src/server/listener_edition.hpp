// The settings of a listener from one reload to the next that changes them. A connection keeps the
// edition that was in force when it was accepted. Const once made; any thread.
#pragma once

#include <memory>
#include <string>

#include "weir/config/model.hpp"
#include "weir/http/connection_info.hpp"
#include "weir/net/tls_server.hpp"
#include "weir/telemetry/listener_metrics.hpp"

namespace weir::server {

struct ListenerEdition final : ListenerSettings {
  // Of the listener, whatever its settings: free for another one when it is gone and its last
  // connection has ended.
  unsigned number = 0;
  config::Listener config;
  std::string hsts;  // Strict-Transport-Security on its answers, "" for none
  std::shared_ptr<telemetry::ListenerMetrics> metrics;
  std::shared_ptr<net::TlsServer> tls;  // null: plain; editions with the same settings share it
};

using EditionPtr = std::shared_ptr<const ListenerEdition>;

// Of a connection that a worker serves.
inline const ListenerEdition& edition_of(const ConnectionInfo& connection) noexcept {
  return static_cast<const ListenerEdition&>(*connection.settings);
}

}  // namespace weir::server
