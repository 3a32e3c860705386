// One health check of an endpoint, over a connection of its own: connect, TLS where the upstream
// has it, one request, its answer. Runs on the loop of whoever asks, its thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "weir/base/cancel.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/task.hpp"
#include "weir/config/model.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/tls_client.hpp"

namespace weir::upstream {

struct CheckResult {
  bool passed = false;
  std::string cause;  // why it failed: "503", "connect failed: refused"
};

struct CheckTarget {
  const config::Upstream& upstream;     // has a health_check; outlives the check
  SocketAddress address;                // the endpoint's own
  std::string endpoint;                 // as it is named
  std::shared_ptr<net::TlsClient> tls;  // null without
  std::string tls_host;                 // what its certificate must be for
};

// Fails when `scope` is cancelled. `scope` outlives it.
Task<CheckResult> run_health_check(net::Loop& loop, const CheckTarget& target, CancelScope& scope);

}  // namespace weir::upstream
