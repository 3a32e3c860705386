// What GET /upstreams and the metrics tell of a cluster.
#include <algorithm>

#include "upstream/endpoint_tiers.hpp"
#include "upstream/endpoint_weights.hpp"
#include "upstream/worker_view.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::upstream {

ClusterInfo Cluster::describe() const {
  ClusterInfo out;
  out.name = name_;
  out.pending = waiting_.load(std::memory_order_relaxed);
  std::uint64_t permits = 0;
  std::uint64_t taken = 0;
  const TimePoint now = Clock::now();
  const std::lock_guard lock(mutex_);
  const config::Pool& pool = state_->settings.pool;
  out.most_pending = pool.pending;
  out.order = pool.order;
  out.newest_first =
      std::ranges::any_of(views_, [](const auto& view) { return view->newest_first(); });
  out.fair = pool.fair;
  const config::Concurrency& concurrency = state_->settings.concurrency;
  out.concurrency = concurrency.policy;
  const auto limit_of = [&](const Endpoint& endpoint) {
    if (concurrency.is_adaptive()) return endpoint.measured_limit()->value();
    return concurrency.policy == config::ConcurrencyPolicy::off ? pool.in_flight
                                                                : concurrency.limit;
  };
  const config::LoadBalancer& balancer = state_->settings.load_balancer;
  const std::vector<EndpointTier> tiers = tiers_of(state_->endpoints, balancer.panic_threshold);
  const std::vector<WeightNow> weights = weights_now(state_->endpoints, tiers, balancer, now);
  out.policy = balancer.policy;
  out.weights = balancer.weights;
  out.zone_aware = balancer.zone_aware;
  out.zones = zones_now(state_->endpoints, state_->zones, tiers, weights, balancer);
  out.panic =
      std::ranges::any_of(tiers, [](const EndpointTier& tier) { return tier.traffic.panic; });
  const auto sources_of = [&](const Endpoint& endpoint) {
    const auto found = state_->sources.find(&endpoint);
    return found != state_->sources.end() ? found->second : std::vector<std::string>();
  };
  for (std::size_t i = 0; i < state_->endpoints.size(); ++i) {
    const auto& endpoint = state_->endpoints[i];
    out.endpoints.push_back({.address = endpoint->address(),
                             .state = endpoint->state(),
                             .weight = endpoint->weight(),
                             .configured_weight = endpoint->configured_weight_,
                             .priority = endpoint->priority(),
                             .effective_weight = weights[i].weight,
                             .weight_source = weights[i].source,
                             .weight_why = weights[i].why,
                             .zone = state_->zones.empty() ? "" : state_->zones[i],
                             .in_flight = endpoint->in_flight(),
                             .limit = limit_of(*endpoint),
                             .tunnels = endpoint->tunnels(),
                             .idle_connections = endpoint->idle_connections(),
                             .active_connections = endpoint->active_connections(),
                             .failure = endpoint->backoff().failure(now),
                             .unhealthy = {},
                             .ejection = {},
                             .not_ejected = {},
                             .endpoint = endpoint,
                             .sources = sources_of(*endpoint)});
    describe_health(now, *endpoint, out.endpoints.back());
    if (endpoint->state() != EndpointState::ready) continue;
    permits += limit_of(*endpoint);
    taken += endpoint->in_flight();
  }
  out.unresolved = members_.unresolved();
  out.has_checks = state_->settings.health_check.has_value();
  out.has_outlier_detection = state_->settings.outlier_detection.has_value();
  {
    const std::lock_guard health(health_mutex_);
    out.checks_passed = checks_passed_;
    out.checks_failed = checks_failed_;
    out.ejections = outliers_.counts();
  }
  const auto share = [](std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0.0 : std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
  };
  out.saturation = std::max(share(taken, permits), share(out.pending, pool.pending));
  return out;
}

}  // namespace weir::upstream
