// What a reload asks about the configuration that comes and the one that goes. Pure.
#pragma once

#include <string_view>

#include "weir/config/loader.hpp"

namespace weir::server {

// Where a value is written, by "server.workers" and the like; the file as a whole if it is not.
config::Place place_of(const config::Loaded& loaded, std::string_view path);

// access_log.path cannot be opened.
config::Problem log_problem(const config::Loaded& loaded, std::string_view fault);

// Whether the route has a split in both, of the same upstreams with the same weights.
bool keeps_split(const config::Config& before, const config::Config& after, std::string_view route);

}  // namespace weir::server
