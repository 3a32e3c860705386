// Certificates and keys that a configuration names: opened to see whether they are right, and
// looked at from time to time while it serves. Main thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "server/worker.hpp"
#include "weir/base/asio.hpp"
#include "weir/config/loader.hpp"
#include "weir/telemetry/metrics.hpp"
#include "weir/upstream/registry.hpp"

namespace weir::server {

// What a TLS listener offers in ALPN, the preferred first.
std::vector<std::string> offered_protocols(const config::Listener& listener);

// Gives each listener with TLS what its handshakes need, and reads its files and the upstreams'
// again when they have become others: a rotation by replaced files or a turned symbolic link takes
// effect without a reload, for new connections.
class TlsFiles {
 public:
  TlsFiles(asio::io_context& main, std::vector<BoundListener>& listeners,
           upstream::Registry& registry, telemetry::Metrics& metrics);

  // The first time; fails with what is wrong. REQUIRES: the listeners have their configuration.
  std::vector<config::Problem> open();
  // Now, and whether they seem to have changed or not.
  void refresh() { look(true); }
  // The certificates beside those of the listeners, as a configuration has them that was checked.
  void set_certificates(const std::vector<config::Listener>& listeners);
  void stop();

 private:
  void look(bool all);
  void schedule();
  void tell_expiry();

  std::vector<BoundListener>& listeners_;
  upstream::Registry& registry_;
  telemetry::Metrics& metrics_;
  std::vector<std::shared_ptr<telemetry::CertificateMetrics>> expiry_;
  asio::steady_timer timer_;
};

}  // namespace weir::server
