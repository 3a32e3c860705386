// The weights of a cluster's endpoints that are in force: the configured ones or those by the load
// that endpoints report, less what slow_start holds back; and what they make of zones.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "upstream/endpoint_tiers.hpp"
#include "weir/config/load_balancer.hpp"
#include "weir/upstream/cluster.hpp"
#include "weir/upstream/endpoint.hpp"

namespace weir::upstream {

// Of endpoints of one priority that are in use, before slow_start, for balancers: only their ratios
// count.
std::vector<std::uint32_t> balancer_weights(std::span<Endpoint* const> endpoints,
                                            config::BalancerWeights weights, TimePoint now);

// The same for who looks at them, of all `endpoints`, with slow_start.
struct WeightNow {
  double weight = 0;  // 0: not in use
  WeightSource source = WeightSource::configured;
  std::string why{};  // as EndpointInfo::weight_why
};
std::vector<WeightNow> weights_now(std::span<const std::shared_ptr<Endpoint>> endpoints,
                                   std::span<const EndpointTier> tiers,
                                   const config::LoadBalancer& balancer, TimePoint now);

// What zones get by these weights. `zones` is of `endpoints`, or empty: then there are none.
std::vector<ZoneInfo> zones_now(std::span<const std::shared_ptr<Endpoint>> endpoints,
                                std::span<const std::string> zones,
                                std::span<const EndpointTier> tiers,
                                std::span<const WeightNow> weights,
                                const config::LoadBalancer& balancer);

}  // namespace weir::upstream
