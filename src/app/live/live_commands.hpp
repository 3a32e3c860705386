// The commands that look at a running gateway or change it, over its admin address. Each returns
// its exit code: 0 done, 1 refused or not reachable (one line on stderr says what and why), 2 wrong
// usage, 3 nothing of that name. Main thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/live/admin_target.hpp"

namespace weir::app {

struct LiveOptions {
  AdminOptions admin;
  bool json = false;  // the gateway's answer as it is, in place of a table
};

int live_status(const LiveOptions& options);
// `name`: one upstream, "" for all.
int live_upstreams(const LiveOptions& options, const std::string& name);
int live_routes(const LiveOptions& options);

// A refusal is told as the gateway says it, a line each on stderr.
int live_reload(const LiveOptions& options);
// Waits until the new process serves, or until it is known why it does not.
int live_upgrade(const LiveOptions& options);
int live_drain(const AdminOptions& admin);
int live_undrain(const AdminOptions& admin);

// `weights`: "NAME=WEIGHT" each; empty takes back what was set.
int live_split(const AdminOptions& admin, const std::string& route,
               const std::vector<std::string>& weights);

struct EndpointWord {
  std::string state;  // ready, drain or down; "" to leave it
  std::optional<std::uint32_t> weight;
};
// An empty word takes back what was set.
int live_endpoint(const AdminOptions& admin, const std::string& upstream,
                  const std::string& address, const EndpointWord& word);
// `force`: open, closed or off.
int live_breaker(const AdminOptions& admin, const std::string& upstream, const std::string& force);
// `component`: whose steps alone, "" for all diagnostics. `time`: for how long, "30s"; "" until a
// reload changes the file's level.
int live_log_level(const AdminOptions& admin, const std::string& level,
                   const std::string& component, const std::string& time);

}  // namespace weir::app
