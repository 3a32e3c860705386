// Refuses clients by their address.
#pragma once

#include "middleware/type.hpp"

namespace weir {

std::shared_ptr<Middleware> make_ip_filter(const config::IpFilter& spec, const Making& with);
Explained explain_ip_filter(const config::IpFilter& spec, Explaining& asked);

}  // namespace weir
