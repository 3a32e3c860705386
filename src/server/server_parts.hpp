// What only Server::start() can make, destroyed in the reverse order.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <vector>

#include "server/client_counts.hpp"
#include "server/compiler.hpp"
#include "server/failure_log.hpp"
#include "server/memory_trim.hpp"
#include "server/readiness.hpp"
#include "server/reloads.hpp"
#include "server/saturation.hpp"
#include "server/tls_files.hpp"
#include "server/worker.hpp"
#include "weir/server/server.hpp"
#include "weir/upstream/discovery.hpp"

namespace weir::server {

class Server::Parts {
 public:
  Parts(asio::io_context& main, std::function<void()> begin_reload)
      : readiness(main),
        discovery(main, upstream::make_system_resolver(main),
                  [this](std::string_view upstream, std::string_view name, std::string_view error,
                         std::size_t addresses) {
                    log_look_up(upstream, name, error, addresses);
                    if (addresses != 0) readiness.look();
                  }),
        timer(main),
        counts(main),
        reloads(std::move(begin_reload)) {}

  ClientCounts clients;
  std::vector<BoundListener> listeners;
  std::vector<std::unique_ptr<Worker>> workers;
  std::unique_ptr<Saturation> saturation;
  std::unique_ptr<TlsFiles> tls;
  Readiness readiness;
  upstream::Discovery discovery;
  MemoryTrim trim;
  asio::steady_timer timer;
  CountsTimer counts;
  Reloads reloads;
  std::unique_ptr<Compiler> compiler;
};

}  // namespace weir::server
