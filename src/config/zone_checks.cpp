// What zones mean for upstreams whose balancers are zone_aware.
#include <algorithm>

#include "config/route_checks.hpp"

namespace weir::config {

void settle_zones(Config& config, Problems& problems) {
  const std::string& zone = config.server.zone;
  for (Upstream& upstream : config.upstreams) {
    LoadBalancer& balancer = upstream.load_balancer;
    balancer.local_zone = zone;
    if (!balancer.zone_aware || balancer.policy == LoadBalancing::hash) continue;
    const auto warn = [&](const char* why) {
      problems.warning(WarningName::no_effect, balancer.zone_aware_place,
                       "upstreams." + upstream.name + ".load_balancer.zone_aware", why);
    };
    // A file may give zones to its endpoints later.
    const bool none_says_where =
        !upstream.endpoints.empty() && !upstream.endpoints_from &&
        std::ranges::all_of(upstream.endpoints, &std::string::empty, &EndpointSpec::zone);
    if (zone.empty()) {
      warn("has no effect: where this gateway is is not known; set `server.zone`");
    } else if (none_says_where) {
      warn("has no effect: no endpoint has a `zone`");
    }
  }
}

}  // namespace weir::config
