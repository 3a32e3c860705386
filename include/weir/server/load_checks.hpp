// What this room and those below it know of a configuration while it is read: expressions,
// certificates and keys.
#pragma once

#include <vector>

#include "weir/config/loader.hpp"

namespace weir::server {

// For config::load().
config::LoadChecks load_checks();

// What loading leaves to who opens the files: returns what is wrong with certificates and keys;
// what else its user should know is added to `loaded.warnings`, which are settled then. Opens
// files; blocks.
std::vector<config::Problem> check_loaded(config::Loaded& loaded);

}  // namespace weir::server
