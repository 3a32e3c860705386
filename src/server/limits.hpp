// What the machine and its container allow, and what of it is in use. Main thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "server/worker.hpp"
#include "weir/config/model.hpp"
#include "weir/server/process.hpp"

namespace weir::server {

// `configured`, or for 0 what the cgroup's CPU quota (rounded up) and the affinity mask allow,
// whichever is less; at least 1.
unsigned worker_count(unsigned configured);

// Raises the limit of open files as far as it goes; returns `wanted` connections or, with a
// warning, how many fit (each may need one to an upstream).
std::uint64_t fit_connections(std::uint64_t wanted);

// Whether a reload may take `next` for `now`: nothing but its place in the file differs.
bool same_listener(const config::Listener& next, const config::Listener& now);

// Sets the gauges of utilisation and saturation at each scrape. `workers` outlive the process's
// metrics' use.
void watch_saturation(Process& process, const std::vector<std::unique_ptr<Worker>>& workers);

}  // namespace weir::server
