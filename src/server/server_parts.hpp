// What only Server::start() can make, destroyed in the reverse order; and what reloads keep.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/background.hpp"
#include "server/client_counts.hpp"
#include "server/compiler.hpp"
#include "server/config_watch.hpp"
#include "server/failure_log.hpp"
#include "server/history.hpp"
#include "server/listening_plan.hpp"
#include "server/load_watch.hpp"
#include "server/memory_trim.hpp"
#include "server/readiness.hpp"
#include "server/reloads.hpp"
#include "server/saturation.hpp"
#include "server/tls_files.hpp"
#include "server/worker.hpp"
#include "weir/config/digest.hpp"
#include "weir/server/server.hpp"
#include "weir/telemetry/access_log.hpp"
#include "weir/upstream/discovery.hpp"
#include "weir/upstream/endpoint_files.hpp"

namespace weir::server {

class Server::Parts {
 public:
  // `process` is there before the first name is looked up.
  // `list_changed`: some endpoints_from lists something else than before.
  Parts(asio::io_context& main, const std::unique_ptr<Process>& process,
        std::function<void()> begin_reload, std::function<void()> list_changed)
      : listening(main, workers),
        readiness(main),
        discovery(main, names::make_resolver(main),
                  [this, &process](std::string_view upstream, std::string_view name,
                                   const upstream::LookUpReport& report) {
                    const auto series = process->metrics.upstream(upstream);
                    series->look_ups[static_cast<std::size_t>(report.end)].add();
                    log_look_up(upstream, name, report);
                    if (report.addresses != 0) readiness.look();
                  }),
        background(main),
        endpoint_files(
            main, [this](Background::Job job) { background.run(std::move(job)); },
            [](std::string_view upstream, const upstream::EndpointsFileInfo& info) {
              log_endpoints_file(upstream, info);
            },
            std::move(list_changed)),
        timer(main),
        counts(main),
        reloads(std::move(begin_reload)) {}

  ClientCounts clients;
  std::vector<std::unique_ptr<Worker>> workers;
  Listening listening;
  std::unique_ptr<Saturation> saturation;
  std::unique_ptr<LoadWatch> load_watch;
  std::unique_ptr<TlsFiles> tls;
  std::unique_ptr<ConfigWatch> watch;
  Readiness readiness;
  upstream::Discovery discovery;
  Background background;  // of endpoint_files, and of what reloads have changed
  upstream::EndpointFiles endpoint_files;
  MemoryTrim trim;
  asio::steady_timer timer;
  CountsTimer counts;
  Reloads reloads;
  std::unique_ptr<Compiler> compiler;
  // Of the newest configuration that was compared with the one before; the background's thread.
  const std::shared_ptr<std::optional<config::ConfigDigest>> digest =
      std::make_shared<std::optional<config::ConfigDigest>>();
  bool digest_begun = false;
  // Of which there is no digest yet: the first one, while the reload after it is put in force. Here
  // and not in what waits in the main thread's queue, which may outlive the process's keeper.
  std::shared_ptr<const Snapshot> undigested;
};

// A configuration that was rolled back to.
struct Server::RollBack {
  std::uint64_t generation = 0;
  std::shared_ptr<const config::Origin> origin;
  // What the source said when that was asked for; none: it could not be read.
  std::optional<std::uint64_t> fingerprint;
};

// What is read for a configuration, beside its certificates.
struct Server::WatchedFiles {
  std::vector<config::ReadFile> read;
  std::string listed_folder;
};

// What came of a reload's first step; with problems nothing else is there.
struct Server::Prepared {
  Reloads::Wanted wanted;
  std::optional<RollBack> roll_back;  // in force or asked for; none: the source's word
  Problems problems;
  Problems warnings;
  std::shared_ptr<const Snapshot> snapshot;
  std::shared_ptr<const config::Origin> origin;  // of the snapshot's configuration
  std::optional<WatchedFiles> files;             // none: the source cannot be read
  TlsServers tls;
  std::optional<telemetry::LogTarget> access_log;  // when it goes to another place
  bool named = false;                              // its names were looked up
  std::unique_ptr<Listening::Plan> listeners;      // bound, not in force
  bool admin_moves = false;                        // to an address that is bound
};

}  // namespace weir::server
