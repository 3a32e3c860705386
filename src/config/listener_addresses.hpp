// What all listeners' addresses must agree on.
#pragma once

#include <vector>

#include "config/draft.hpp"
#include "config/problems.hpp"

namespace weir::config {

// Reports addresses that two listeners, or a listener and the admin server, would share, and warns
// of [::], which is IPv6 alone, where nobody takes 0.0.0.0 of its port.
void check_addresses(const std::vector<ListenerDraft>& listeners, const Admin& admin,
                     Problems& problems);

}  // namespace weir::config
