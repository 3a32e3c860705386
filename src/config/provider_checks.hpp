// What certificates beside the listeners, and what asks etcd, need of the rest.
#pragma once

#include "config/draft.hpp"

namespace weir::config {

// Gives each certificate of the draft to its listeners. REQUIRES: `config` has the listeners.
void add_certificates(const Draft& draft, Config& config, Problems& problems);

// The access of providers.etcd, where an `endpoints_from: {etcd: ...}` has none of its own.
void settle_etcd(Config& config, Problems& problems);

}  // namespace weir::config
