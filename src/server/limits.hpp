// What of the machine the configuration takes. Main thread.
#pragma once

#include <cstdint>

#include "server/host.hpp"
#include "weir/config/model.hpp"

namespace weir::server {

// `configured`, or for 0 what `quota` (in CPUs, rounded up; 0 is none) and the affinity mask allow,
// whichever is less; at least 1.
unsigned worker_count(unsigned configured, double quota);

// Raises the limit of open files as far as it goes; returns `wanted` connections or, with a
// warning, how many fit (each may need one to an upstream).
std::uint64_t fit_connections(std::uint64_t wanted);

// `configured` bytes for heads, or for 0 an eighth of what the host allows, at least 32 MiB.
std::uint64_t head_memory(std::uint64_t configured, const Host& host);

// A line in the log for each limit of the host that is below what `config` with `connections` at
// the same time may come to need.
void warn_of_shortages(const Host& host, const config::Config& config, std::uint64_t connections);

}  // namespace weir::server
