#include "upstream/endpoint_tiers.hpp"

#include <algorithm>

namespace weir::upstream {

std::vector<EndpointTier> tiers_of(std::span<const std::shared_ptr<Endpoint>> endpoints,
                                   double panic_threshold) {
  std::vector<EndpointTier> out;
  for (const auto& endpoint : endpoints) {
    if (endpoint->weight() == 0) continue;
    auto tier = std::ranges::lower_bound(out, endpoint->priority(), {}, &EndpointTier::priority);
    if (tier == out.end() || tier->priority != endpoint->priority()) {
      tier = out.insert(tier, EndpointTier{.priority = endpoint->priority()});
    }
    ++tier->health.listed;
    if (endpoint->state() != EndpointState::ready) continue;
    ++tier->health.ready;
    if (endpoint->health().in()) ++tier->health.healthy;
  }
  std::vector<control::TierHealth> health;
  for (const EndpointTier& tier : out) health.push_back(tier.health);
  const std::vector<control::TierShare> shares = control::tier_shares(health, panic_threshold);
  for (std::size_t i = 0; i < out.size(); ++i) out[i].traffic = shares[i];
  return out;
}

bool is_in_use(const Endpoint& endpoint, std::span<const EndpointTier> tiers) noexcept {
  if (endpoint.weight() == 0 || endpoint.state() != EndpointState::ready) return false;
  if (endpoint.health().in()) return true;
  const auto tier = std::ranges::find(tiers, endpoint.priority(), &EndpointTier::priority);
  return tier != tiers.end() && tier->traffic.panic;
}

}  // namespace weir::upstream
