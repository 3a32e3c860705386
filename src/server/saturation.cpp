#include "server/saturation.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <variant>

#include "weir/proxy/forwarder.hpp"
#include "weir/server/snapshot.hpp"

namespace weir::server {
namespace {

constexpr Duration window = std::chrono::seconds(2);
constexpr Duration between_samples = std::chrono::milliseconds(500);

void show_breaker(const control::BreakerView& view, telemetry::UpstreamMetrics::Breaker& out) {
  out.active.set(view.active ? 1 : 0);
  out.state.set(static_cast<double>(view.state));
  for (std::size_t i = 0; i < view.transitions.size(); ++i) {
    out.transitions[i].set(static_cast<double>(view.transitions[i]));
  }
}

void show_shed(const control::JointShedView& view, telemetry::UpstreamMetrics::Shed& out) {
  // Where once something was shed the counts stay.
  if (view.on) out.on.set(1);
  out.active.set(view.active ? 1 : 0);
  for (std::size_t p = 0; p < out.refused.size(); ++p) {
    for (std::size_t c = 0; c < out.refused[p].size(); ++c) {
      out.refused[p][c].set(static_cast<double>(view.shed[p][c]));
    }
  }
}

void show_health(const upstream::ClusterInfo& info, telemetry::UpstreamMetrics::Health& out) {
  // Who once was checked, or judged, keeps the counts.
  if (info.has_checks) out.checked.set(1);
  if (info.has_outlier_detection) out.judged.set(1);
  out.checks_passed.set(static_cast<double>(info.checks_passed));
  out.checks_failed.set(static_cast<double>(info.checks_failed));
  for (std::size_t i = 0; i < info.ejections.size(); ++i) {
    out.ejections[i].set(static_cast<double>(info.ejections[i]));
  }
}

void show_upstreams(Process& process) {
  for (const auto& cluster : process.registry.clusters()) {
    const upstream::ClusterInfo info = cluster->describe();
    const auto series = process.metrics.upstream(info.name);
    series->shown = process.metrics.scrape_number();
    series->saturation.set(info.saturation);
    series->unresolved.set(static_cast<double>(info.unresolved.size()));
    series->panic.set(info.panic ? 1 : 0);
    series->endpoints.set(static_cast<double>(info.endpoints.size()));
    show_breaker(cluster->breaker().view(Clock::now()), series->breaker);
    show_shed(cluster->breaker().shed().view(Clock::now()), series->shed);
    show_health(info, series->health);
    for (const upstream::EndpointInfo& endpoint : info.endpoints) {
      auto* metrics = endpoint.endpoint->annex<telemetry::EndpointMetrics>();
      metrics->shown = process.metrics.scrape_number();
      metrics->healthy.set(endpoint.healthy() ? 1 : 0);
      metrics->weight.set(endpoint.effective_weight);
      const bool is_limited = info.concurrency != config::ConcurrencyPolicy::off;
      metrics->concurrency_limit.set(is_limited ? static_cast<double>(endpoint.limit) : 0);
      // The main thread's shard alone holds these: workers count in the endpoint itself.
      auto& shard = metrics->shard(process.metrics.main_slot());
      shard.idle.set(static_cast<std::int64_t>(endpoint.idle_connections));
      shard.active.set(static_cast<std::int64_t>(endpoint.active_connections));
    }
  }
}

}  // namespace

void show_splits(const Snapshot& snapshot, Process& process) {
  for (const config::Route& route : snapshot.config().routes) {
    const auto* to = std::get_if<config::UpstreamAction>(&route.action);
    if (to == nullptr || !to->is_split) continue;
    const control::SplitWeights weights =
        process.splits.effective(route.name, proxy::configured_weights(to->split));
    for (std::size_t i = 0; i < weights.size(); ++i) {
      process.metrics.split(route.name, to->split[i].upstream)->weight.set(weights[i]);
    }
  }
}

void UseWindow::sample(const net::Loop::Use& use) {
  samples_.push_back(use);
  while (samples_.size() > 1 && use.total - samples_[1].total >= window) samples_.pop_front();
}

double UseWindow::share(const net::Loop::Use& now) const {
  const net::Loop::Use since = samples_.empty() ? net::Loop::Use{} : samples_.front();
  const Duration total = now.total - since.total;
  if (total <= Duration::zero()) return 0;
  const Duration busy = now.busy - since.busy;
  const double share = static_cast<double>(busy.count()) / static_cast<double>(total.count());
  return std::clamp(share / cpus_, 0.0, 1.0);
}

Saturation::Saturation(asio::io_context& main, Process& process,
                       const std::vector<std::unique_ptr<Worker>>& workers, double quota)
    : process_(process), workers_(workers), timer_(main) {
  const double cpus = quota == 0 ? 1.0 : std::min(1.0, quota / static_cast<double>(workers.size()));
  use_.assign(workers.size(), UseWindow(cpus));
  process.metrics.on_scrape([this] { show(); });
  tick();
}

void Saturation::tick() {
  for (std::size_t i = 0; i < workers_.size(); ++i) use_[i].sample(workers_[i]->loop().use());
  traffic_.sample(Clock::now(), process_.traffic.counts());
  timer_.expires_after(between_samples);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

LoadStatus Saturation::load() const {
  LoadStatus out;
  double worst = 0;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    out.workers.push_back(use_[i].share(workers_[i]->loop().use()));
    worst = std::max(worst, out.workers.back());
  }
  out.open_connections = process_.connections.load(std::memory_order_relaxed);
  out.most_connections = process_.max_connections.load(std::memory_order_relaxed);
  out.connections =
      static_cast<double>(out.open_connections) / static_cast<double>(out.most_connections);
  out.offload = process_.offload.fill();
  out.saturation = std::min(1.0, std::max({worst, out.connections, out.offload}));
  return out;
}

TrafficStatus Saturation::traffic() const {
  const telemetry::TrafficCounts counts = process_.traffic.counts();
  const TrafficRates rates = traffic_.rates(Clock::now(), counts);
  TrafficStatus out;
  out.requests = counts.requests;
  out.request_rate = rates.requests;
  out.server_error_rate = rates.server_errors;
  out.refused_rate = rates.refused;
  return out;
}

void Saturation::show() {
  const LoadStatus now = load();
  for (std::size_t i = 0; i < now.workers.size(); ++i) {
    process_.metrics.utilization(static_cast<unsigned>(i)).set(now.workers[i]);
  }
  process_.metrics.saturation.set(now.saturation);
  show_upstreams(process_);
}

}  // namespace weir::server
