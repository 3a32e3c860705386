// What Server::status() gathers.
#include "weir/server/status.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "server/log_level.hpp"
#include "server/prepared.hpp"
#include "server/server_parts.hpp"
#include "weir/middleware/load_shedder.hpp"
#include "weir/server/server.hpp"

namespace weir::server {
namespace {

ListenerStatus status_of(const BoundListener& listener) {
  ListenerStatus out{.name = listener.edition->config.name,
                     .addresses = {},
                     .tls = listener.edition->tls != nullptr};
  for (const auto& address : listener.addresses) {
    out.addresses.push_back(address->sockets.address().to_string());
  }
  listener.edition->metrics->for_each([&](const telemetry::ListenerShard& shard) {
    for (const telemetry::Gauge& gauge : shard.active) out.connections += gauge.value();
  });
  return out;
}

void add_certificate(const BoundListener& listener, std::vector<CertificateStatus>& out) {
  if (!listener.edition->tls) return;
  const auto certificates = listener.edition->tls->certificates();
  const auto first =
      std::ranges::min_element(certificates, {}, &net::TlsServer::Certificate::ends_at);
  if (first == certificates.end()) return;
  out.push_back({.listener = listener.edition->config.name,
                 .name = first->names.empty() ? "" : first->names.front(),
                 .ends = WallClock::from_time_t(first->ends_at)});
}

void add_load_sheds(const config::Config& config, Process& process,
                    std::vector<LoadShedStatus>& out) {
  const auto shedders = process.kept_states.living<LoadShedder>();
  for (const config::Middleware& middleware : config.middleware) {
    const auto* spec = std::get_if<config::LoadShed>(&middleware.spec);
    if (spec == nullptr) continue;
    // One that a reload has replaced has other limits.
    const control::LoadFigures limits = limits_of(*spec);
    const auto found = std::ranges::find_if(shedders, [&](const auto& each) {
      return each->name() == middleware.name && each->limits() == limits;
    });
    if (found == shedders.end()) continue;  // no route has it
    const control::ShedVerdict worst = (*found)->worst();
    LoadShedStatus& one = out.emplace_back();
    one.name = middleware.name;
    one.level = worst.level;
    if (worst.level == 0) continue;
    one.cause = control::name(worst.cause);
    one.measured = measure_text(worst.cause, (*found)->measured());
    one.limit = measure_text(worst.cause, limits.of(worst.cause));
  }
}

}  // namespace

Status Server::status() const {
  Status out;
  const TimePoint now = Clock::now();
  out.draining = draining_ || stopped_ != nullptr;
  out.why_not_ready = why_not_ready();
  out.started = started_at_;
  out.uptime = now - since_;
  out.generation = snapshot_->generation();
  out.last_reload = last_reload_;
  out.configuration_warnings = warnings_;
  if (roll_back_) out.rolled_back_to = roll_back_->generation;
  for (const BoundListener& listener : parts_->listening.listeners()) {
    out.listeners.push_back(status_of(listener));
    add_certificate(listener, out.certificates);
  }
  out.load = parts_->saturation->load();
  out.traffic = parts_->saturation->traffic();
  const auto add_route = [&](const telemetry::RouteMetrics& route) {
    route.for_each([&](const telemetry::RouteShard& shard) {
      out.traffic.in_flight += shard.in_flight.value();
      out.traffic.tunnels += shard.tunnels.value();
    });
  };
  for (std::size_t i = 0; i < snapshot_->config().routes.size(); ++i) {
    add_route(*snapshot_->route(i).metrics);
  }
  add_load_sheds(snapshot_->config(), *process_, out.load_sheds);
  for (const control::LoadFigures& worker : parts_->load_watch->figures()) {
    if (!out.measures) out.measures.emplace();
    out.measures->lag = std::max(out.measures->lag, worker.lag);
    out.measures->memory = std::max(out.measures->memory, worker.memory);
  }
  out.log_level = telemetry::log::level();
  out.log_level_in_file = log_level_->in_file();
  if (const auto until = log_level_->until()) {
    out.log_level_left = std::max(*until - now, Duration::zero());
  }
  for (std::size_t i = 0; i < debug_log::component_names.size(); ++i) {
    const auto component = static_cast<debug_log::Component>(i);
    const auto apart = log_level_->of(component);
    if (!apart) continue;
    ComponentLogStatus& one = out.log_components.emplace_back(component, apart->level);
    if (apart->until) one.left = std::max(*apart->until - now, Duration::zero());
  }
  out.log_lines_lost = process_->access_log.dropped();
  out.upgrades = upgrades_;
  return out;
}

}  // namespace weir::server
