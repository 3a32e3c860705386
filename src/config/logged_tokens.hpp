// What a jwt middleware that takes its token from a query means for the access log. Pure; any
// thread.
#pragma once

#include "config/problems.hpp"
#include "weir/config/model.hpp"

namespace weir::config {

// Warns of every place in a query whose tokens would stand in the access log.
void warn_of_logged_tokens(const Config& config, Problems& problems);

}  // namespace weir::config
