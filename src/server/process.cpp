#include "weir/server/process.hpp"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "weir/base/release.hpp"
#include "weir/config/duration.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {
namespace {

constexpr unsigned offload_threads = 3;     // of which a use takes two
constexpr std::size_t offload_queue = 256;  // for each use

std::string p95_text(const std::optional<Duration>& p95) {
  return p95 ? config::format_duration(std::chrono::round<std::chrono::milliseconds>(*p95)) : "-";
}

void log_shed(std::string_view upstream, const control::JointShedChange& change) {
  namespace log = telemetry::log;
  const std::string rate = fmt::format("{:.0f}/s", change.rate);
  if (change.active) {
    log::warn("shedding begins", {{"upstream", upstream},
                                  {"cause", control::name(change.cause)},
                                  {"rate", rate},
                                  {"p95", p95_text(change.p95)},
                                  {"share", fmt::format("{:g}%", change.policy.share * 100)}});
    return;
  }
  log::info("shedding ends",
            {{"upstream", upstream},
             {"cause", control::name(change.cause)},
             {"rate", rate},
             {"p95", p95_text(change.p95)},
             {"lasted", config::format_duration(
                            std::chrono::round<std::chrono::milliseconds>(change.lasted))},
             {"requests", change.calls},
             {"refused", change.shed}});
}

upstream::RegistryHooks endpoint_hooks(telemetry::Metrics& metrics, upstream::HealthWatch& health,
                                       Process::ConnectFailed connect_failed) {
  // The endpoint holds its series: they leave some time after it did.
  return {
      .endpoint_added =
          [&metrics](std::string_view upstream, std::string_view address) {
            return std::static_pointer_cast<void>(metrics.endpoint(upstream, address));
          },
      .endpoint_gone = {},
      .breaker_changed =
          [](std::string_view upstream, const control::BreakerChange& change) {
            telemetry::log::write(change.to == control::BreakerState::open
                                      ? telemetry::log::Level::warn
                                      : telemetry::log::Level::info,
                                  "circuit breaker",
                                  {{"upstream", upstream},
                                   {"from", control::name(change.from)},
                                   {"to", control::name(change.to)},
                                   {"why", change.why}});
          },
      .shed_changed = log_shed,
      .cluster_changed =
          [&health](const std::shared_ptr<upstream::Cluster>& cluster) { health.look_at(cluster); },
      .connect_failed = std::move(connect_failed),
      .zone_added = [&metrics](std::string_view upstream,
                               std::string_view zone) { return metrics.zone(upstream, zone); }};
}

}  // namespace

Process::Process(const config::Config& config, const std::vector<net::Loop*>& loops,
                 telemetry::LogTarget access, std::uint64_t head_bytes,
                 ConnectFailed connect_failed)
    : workers(static_cast<unsigned>(loops.size())),
      metrics(workers, release(), "epoll"),
      traffic(workers),
      exporters(metrics.spans),
      access_log(workers, std::move(access)),
      access_tap(workers),
      registry(loops, endpoint_hooks(metrics, health, std::move(connect_failed))),
      offload(offload_threads, offload_queue),
      key_keeper(kept_states.get<auth::KeyKeeper>(
          "", "", [] { return std::make_shared<auth::KeyKeeper>(); })),
      unrouted(metrics.route("-")),
      head_memory(head_bytes, workers),
      max_connections(config.server.max_connections) {
  metrics.watch(&access_log);
  metrics.configure(config.metrics);
  for (net::Loop* loop : loops) shadows.push_back(std::make_unique<proxy::Shadows>(*loop));
}

}  // namespace weir::server
