// One configuration, compiled: the route table and, for each route, its chain and its last handler.
// Built once off the workers, shared and const; requests keep the one they began with. Freed where
// the process's SnapshotKeeper says.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/config/loader.hpp"
#include "weir/config/model.hpp"
#include "weir/http/handler.hpp"
#include "weir/middleware/chain.hpp"
#include "weir/middleware/header_rewrite.hpp"
#include "weir/middleware/route_facts.hpp"
#include "weir/route/route_table.hpp"
#include "weir/telemetry/access_record.hpp"
#include "weir/telemetry/metrics.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::server {

struct Process;

struct CompiledRoute {
  const config::Route* config = nullptr;
  RouteFacts facts;
  Chain chain;
  std::unique_ptr<Handler> last;
  HeaderRewrite response_headers;
  std::shared_ptr<telemetry::RouteMetrics> metrics;
};

class Snapshot {
 public:
  // Fails with what is wrong beyond what the loader sees: expressions that do not compile. Clusters
  // are taken from the process's registry, whose commit() or abandon() is the caller's.
  using Problems = std::vector<config::Problem>;
  static std::expected<std::shared_ptr<const Snapshot>, Problems> compile(config::Config config,
                                                                          Process& process,
                                                                          std::uint64_t generation);

  const config::Config& config() const noexcept { return *config_; }
  // For who reads it later than the snapshot should live, whose metrics stay as long as it does.
  const std::shared_ptr<const config::Config>& shared_config() const noexcept { return config_; }
  const route::RouteTable& table() const noexcept { return *table_; }
  const CompiledRoute& route(std::size_t index) const noexcept { return routes_[index]; }
  std::uint64_t generation() const noexcept { return generation_; }
  const telemetry::AccessPolicy& access_policy() const noexcept { return access_policy_; }
  // Fields that the gateway itself sets from what it knows of the user: removed from requests.
  const std::vector<std::string>& gateway_fields() const noexcept { return gateway_fields_; }
  const std::vector<std::shared_ptr<upstream::Cluster>>& clusters() const noexcept {
    return clusters_;
  }

 private:
  Snapshot(config::Config config, std::uint64_t generation)
      : config_(std::make_shared<const config::Config>(std::move(config))),
        generation_(generation),
        access_policy_(config_->access_log) {}

  std::shared_ptr<const config::Config> config_;
  std::uint64_t generation_;
  telemetry::AccessPolicy access_policy_;
  std::vector<std::string> gateway_fields_;
  std::vector<std::shared_ptr<upstream::Cluster>> clusters_;
  std::vector<CompiledRoute> routes_;
  std::unique_ptr<route::RouteTable> table_;
};

// Keys at hand that no token could be checked with. `sets_only`: of JWKS files alone; what is wrong
// with a single key, a load that fails has told.
Snapshot::Problems check_keys(const config::Config& config, bool sets_only);

// Names of fields that middleware sets from what it found out about the user, and of those that
// only a trusted peer may send: removed from the requests of others. Sorted, each once.
std::vector<std::string> gateway_fields(const config::Config& config);

// The route table alone, for commands that start nothing; fails also for keys that cannot be used.
// `config` outlives it.
std::expected<route::RouteTable, Snapshot::Problems> compile_table(const config::Config& config);

}  // namespace weir::server
