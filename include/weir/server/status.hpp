// How a gateway is, as one value: for GET /status. Main thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/time.hpp"
#include "weir/server/upgrade.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {

using WallClock = std::chrono::system_clock;

struct ListenerStatus {
  std::string name;
  std::vector<std::string> addresses;  // the real ones
  bool tls = false;
  std::int64_t connections = 0;  // open now
};

// Shares are 0 to 1.
struct LoadStatus {
  double saturation = 0;        // weir_saturation_ratio: the worst of those below
  std::vector<double> workers;  // busy, each, over the last two seconds
  double connections = 0;       // open ones of those allowed
  double offload = 0;           // the fullest queue of passwords and signatures
  std::uint64_t open_connections = 0;
  std::uint64_t most_connections = 0;
};

struct TrafficStatus {
  std::uint64_t requests = 0;  // that ended, since the start
  std::int64_t in_flight = 0;
  std::int64_t tunnels = 0;
  // A second, over the last ten.
  double request_rate = 0;
  double server_error_rate = 0;  // answered with 500 or above
  double refused_rate = 0;       // answered by the gateway itself
};

struct ReloadStatus {
  WallClock::time_point at;
  std::vector<std::string> problems;  // why it was refused, a line each; empty when it was not
};

struct CertificateStatus {
  std::string listener;
  std::string name;
  WallClock::time_point ends;
};

// A load_shed, in the worker that refuses most.
struct LoadShedStatus {
  std::string name;
  unsigned level = 0;    // how many priorities are refused, from low on: 0 to 3
  std::string cause;     // with a level above 0, as the next two
  std::string measured;  // "130ms"
  std::string limit;     // "100ms"
};

// The worst of the workers, while some load_shed is configured.
struct LoadMeasures {
  double lag = 0;  // seconds
  double memory = 0;
};

// The steps of one component have a level of their own.
struct ComponentLogStatus {
  debug_log::Component component{};
  telemetry::log::Level level{};
  std::optional<Duration> left;  // for so long, if it was set for a time
};

struct Status {
  bool draining = false;
  std::string why_not_ready;  // "" when it is ready
  WallClock::time_point started;
  Duration uptime{};
  std::uint64_t generation = 0;
  std::optional<ReloadStatus> last_reload;
  std::optional<std::uint64_t> rolled_back_to;      // the generation, while a rollback holds
  std::vector<std::string> configuration_warnings;  // of the configuration in use, a line each
  std::vector<ListenerStatus> listeners;            // in the configuration's order
  LoadStatus load;
  TrafficStatus traffic;
  std::vector<LoadShedStatus> load_sheds;  // of the configuration, by name
  std::optional<LoadMeasures> measures;
  std::vector<CertificateStatus> certificates;  // of each listener the one that ends first
  telemetry::log::Level log_level{};
  telemetry::log::Level log_level_in_file{};
  std::optional<Duration> log_level_left;  // for so long, if it was set for a time
  std::vector<ComponentLogStatus> log_components;
  std::uint64_t log_lines_lost = 0;  // of the access log
  UpgradeStatus upgrades;
};

}  // namespace weir::server
