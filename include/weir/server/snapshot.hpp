// One configuration, compiled: the route table and, for each route, its chain and its last handler.
// Built once off the workers, shared and const; requests keep the one they began with.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <vector>

#include "weir/config/loader.hpp"
#include "weir/config/model.hpp"
#include "weir/http/handler.hpp"
#include "weir/middleware/chain.hpp"
#include "weir/route/route_table.hpp"
#include "weir/telemetry/metrics.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::server {

struct Process;

struct CompiledRoute {
  const config::Route* config = nullptr;
  Chain chain;
  std::unique_ptr<Handler> last;
  std::shared_ptr<telemetry::RouteMetrics> metrics;
};

class Snapshot {
 public:
  // What is wrong beyond what the loader sees: expressions that do not compile.
  using Problems = std::vector<config::Problem>;
  static std::expected<std::shared_ptr<const Snapshot>, Problems> compile(config::Config config,
                                                                          Process& process,
                                                                          std::uint64_t generation);

  const config::Config& config() const noexcept { return config_; }
  const route::RouteTable& table() const noexcept { return *table_; }
  const CompiledRoute& route(std::size_t index) const noexcept { return routes_[index]; }
  std::uint64_t generation() const noexcept { return generation_; }
  const std::vector<std::shared_ptr<upstream::Cluster>>& clusters() const noexcept {
    return clusters_;
  }

 private:
  explicit Snapshot(config::Config config, std::uint64_t generation)
      : config_(std::move(config)), generation_(generation) {}

  config::Config config_;
  std::uint64_t generation_;
  std::vector<std::shared_ptr<upstream::Cluster>> clusters_;
  std::vector<CompiledRoute> routes_;
  std::unique_ptr<route::RouteTable> table_;
};

// The routes alone, for commands that start nothing: table and has_cors.
std::expected<route::RouteTable, Snapshot::Problems> compile_table(const config::Config& config);

}  // namespace weir::server
