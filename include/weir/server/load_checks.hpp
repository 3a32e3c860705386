// What this room and those below it know of a configuration while it is read: expressions,
// certificates and keys.
#pragma once

#include "weir/config/loader.hpp"

namespace weir::server {

// For config::load().
config::LoadChecks load_checks();

}  // namespace weir::server
