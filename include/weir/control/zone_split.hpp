// Which part of the traffic stays in the gateway's own zone. Pure.
#pragma once

#include <cstddef>
#include <span>

namespace weir::control {

// `zones`: the weight in use of each zone (0: it has none), `local` among them. With Z zones that
// have some the local one takes min(1, Z times its share of the weight): where each zone has
// gateways with as many clients, this fills all endpoints alike, and no request leaves its zone
// without need. The rest is for the others, by weight. 0 when the local zone has no weight; 1 when
// it has all.
double local_zone_share(std::span<const double> zones, std::size_t local) noexcept;

}  // namespace weir::control
