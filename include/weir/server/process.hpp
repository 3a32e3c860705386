// What lives as long as the process and is shared by all workers: everything in it synchronises
// itself. Built by the server before the first snapshot, destroyed after the last worker.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "weir/auth/key_keeper.hpp"
#include "weir/base/offload.hpp"
#include "weir/config/model.hpp"
#include "weir/control/split_override.hpp"
#include "weir/http/head_memory.hpp"
#include "weir/middleware/kept_states.hpp"
#include "weir/net/loop.hpp"
#include "weir/proxy/shadows.hpp"
#include "weir/server/snapshot_keeper.hpp"
#include "weir/telemetry/access_log.hpp"
#include "weir/telemetry/access_tap.hpp"
#include "weir/telemetry/metrics.hpp"
#include "weir/telemetry/traffic.hpp"
#include "weir/tracing/exporters.hpp"
#include "weir/upstream/health_watch.hpp"
#include "weir/upstream/registry.hpp"

namespace weir::server {

struct Process {
  // As in RegistryHooks.
  using ConnectFailed = std::function<void(std::string_view upstream, std::string_view address)>;

  // `loops` are the workers'; `head_bytes`: what heads may take together.
  Process(const config::Config& config, const std::vector<net::Loop*>& loops,
          telemetry::LogTarget access, std::uint64_t head_bytes, ConnectFailed connect_failed = {});

  unsigned workers;
  SnapshotKeeper snapshots;
  telemetry::Metrics metrics;
  telemetry::Traffic traffic;
  tracing::Exporters exporters;
  telemetry::AccessLog access_log;
  telemetry::AccessTap access_tap;
  upstream::HealthWatch health;
  upstream::Registry registry;
  Offload offload;
  KeptStates kept_states;
  std::shared_ptr<auth::KeyKeeper> key_keeper;  // the one in kept_states
  control::SplitOverrides splits;
  std::vector<std::unique_ptr<proxy::Shadows>> shadows;  // one a worker, its thread's
  std::shared_ptr<telemetry::RouteMetrics> unrouted;     // requests that found no route: "-"

  HeadMemory head_memory;  // its limit is changed by a reload
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> max_connections;  // changed by a reload
};

}  // namespace weir::server
