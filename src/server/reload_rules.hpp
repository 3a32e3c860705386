// What a reload asks about the configuration that comes and the one that goes. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weir/config/loader.hpp"

namespace weir::server {

// Where a value is written, by "server.workers" and the like; the file as a whole if it is not.
config::Place place_of(const config::Loaded& loaded, std::string_view path);

// Where the access log goes: a file's name starts at the configuration's folder.
std::string access_log_target(const config::Config& config);

// access_log.path cannot be opened.
config::Problem log_problem(const config::Loaded& loaded, std::string_view fault);

inline constexpr const char* needs_a_restart =
    "a change of this needs a restart; only server.workers and server.io_backend do";

// A problem for each key that only a restart can change.
std::vector<config::Problem> restart_problems(const config::Config& now,
                                              const config::Loaded& loaded);

// Whether the route has a split in both, of the same upstreams with the same weights.
bool keeps_split(const config::Config& before, const config::Config& after, std::string_view route);

}  // namespace weir::server
