// What only Server::start() can make, destroyed in the reverse order.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <vector>

#include "server/client_counts.hpp"
#include "server/compiler.hpp"
#include "server/failure_log.hpp"
#include "server/load_watch.hpp"
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
  // `process` is there before the first name is looked up.
  Parts(asio::io_context& main, const std::unique_ptr<Process>& process,
        std::function<void()> begin_reload)
      : readiness(main),
        discovery(main, names::make_resolver(main),
                  [this, &process](std::string_view upstream, std::string_view name,
                                   const upstream::LookUpReport& report) {
                    const auto series = process->metrics.upstream(upstream);
                    series->look_ups[static_cast<std::size_t>(report.end)].add();
                    log_look_up(upstream, name, report);
                    if (report.addresses != 0) readiness.look();
                  }),
        timer(main),
        counts(main),
        reloads(std::move(begin_reload)) {}

  ClientCounts clients;
  std::vector<BoundListener> listeners;
  std::vector<std::unique_ptr<Worker>> workers;
  std::unique_ptr<Saturation> saturation;
  std::unique_ptr<LoadWatch> load_watch;
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
