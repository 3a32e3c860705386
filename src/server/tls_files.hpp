// Certificates and keys that a configuration names: opened to see whether they are right, and
// looked at from time to time while it serves. Main thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/listener_edition.hpp"
#include "weir/base/asio.hpp"
#include "weir/config/loader.hpp"
#include "weir/net/tls_server.hpp"
#include "weir/telemetry/metrics.hpp"
#include "weir/upstream/registry.hpp"

namespace weir::server {

// What a TLS listener offers in ALPN, the preferred first.
std::vector<std::string> offered_protocols(const config::Listener& listener);

// By the listener's name.
using TlsServers = std::map<std::string, std::shared_ptr<net::TlsServer>, std::less<>>;

// What handshakes of the listeners of `config` need, but for those that `before` has with the same
// settings. What is wrong goes to `problems`. Blocks; any thread.
TlsServers open_listeners(const config::Config& config, const std::vector<config::Listener>& before,
                          std::vector<config::Problem>& problems);

// Reads the files of the listeners with TLS, and the upstreams', again when they have become
// others: a rotation by replaced files or a turned symbolic link takes effect without a reload, for
// new connections.
class TlsFiles {
 public:
  // The listeners with TLS that are in force.
  using Listeners = std::function<std::vector<EditionPtr>()>;

  TlsFiles(asio::io_context& main, Listeners listeners, upstream::Registry& registry,
           telemetry::Metrics& metrics);

  // Looks from time to time from now on.
  void begin();
  // Now, and whether they seem to have changed or not; not those of listeners that `next` does not
  // have, or that get others, which are in `opened`. The others get the certificates that `next`
  // has beside those of their settings.
  void refresh(const std::vector<config::Listener>& next, const TlsServers& opened);
  // Now, at those that have changed.
  void look() { look(false, listeners_()); }
  // Other listeners are in force.
  void listeners_changed() { tell_expiry(); }
  void stop();

 private:
  void look(bool all, const std::vector<EditionPtr>& listeners);
  void schedule();
  void tell_expiry();

  const Listeners listeners_;
  upstream::Registry& registry_;
  telemetry::Metrics& metrics_;
  std::vector<std::shared_ptr<telemetry::CertificateMetrics>> expiry_;
  asio::steady_timer timer_;
};

}  // namespace weir::server
