// The endpoints of a cluster by priority, and what each priority takes of the traffic now.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "weir/control/tiers.hpp"
#include "weir/upstream/endpoint.hpp"

namespace weir::upstream {

struct EndpointTier {
  std::uint32_t priority = 0;
  control::TierHealth health{};
  control::TierShare traffic{};
};

// The lowest priority first. Endpoints of weight 0 are in none.
std::vector<EndpointTier> tiers_of(std::span<const std::shared_ptr<Endpoint>> endpoints,
                                   double panic_threshold);

// Whether requests may go to it. Of its health only what `tiers`, which it is in, make of it.
bool is_in_use(const Endpoint& endpoint, std::span<const EndpointTier> tiers) noexcept;

}  // namespace weir::upstream
