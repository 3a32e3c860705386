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
#include "weir/provider/endpoint_lists.hpp"
#include "weir/provider/providers.hpp"
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
        std::function<void()> begin_reload, std::function<void()> list_changed,
        provider::ProvidersHooks provided, provider::EndpointLists::Take take_list)
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
            list_changed),
        endpoint_lists(
            main, std::move(take_list),
            [](std::string_view upstream, const provider::ListInfo& info) {
              log_endpoints_file(upstream, file_info(info));
            },
            std::move(list_changed)),
        providers(main, with_aside(std::move(provided))),
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
  provider::EndpointLists endpoint_lists;
  provider::Providers providers;
  MemoryTrim trim;
  asio::steady_timer timer;
  CountsTimer counts;
  Reloads reloads;
  std::unique_ptr<Compiler> compiler;
  // Of the newest configuration that was compared with the one before; the background's thread.
  const std::shared_ptr<std::optional<config::ConfigDigest>> digest =
      std::make_shared<std::optional<config::ConfigDigest>>();
  bool digest_begun = false;
  // Of which there is no digest yet: the first one, while the reload after it is put in force.
  std::shared_ptr<const config::Config> undigested;

  static upstream::EndpointsFileInfo file_info(const provider::ListInfo& info) {
    return {.file = info.from,
            .endpoints = info.endpoints,
            .error = info.error,
            .read_ago = info.read_ago,
            .empty_in = info.empty_in};
  }

 private:
  provider::ProvidersHooks with_aside(provider::ProvidersHooks hooks) {
    hooks.aside = [this](Background::Job job) { background.run(std::move(job)); };
    return hooks;
  }
};

}  // namespace weir::server
