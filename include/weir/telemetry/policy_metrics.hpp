// What is counted per policy that may refuse a request, per mirror and per fallback. Found by the
// policy's name through Metrics, kept by its middleware; each worker writes its own shard.
#pragma once

#include <array>
#include <string>
#include <utility>

#include "weir/base/priority.hpp"
#include "weir/base/reason.hpp"
#include "weir/control/shed_levels.hpp"
#include "weir/telemetry/cells.hpp"
#include "weir/telemetry/sharded.hpp"

namespace weir::telemetry {

struct alignas(cache_line) RateLimitShard {
  Counter allowed;
  Counter limited;
  Counter dry_run;  // would have been limited
};

class RateLimitMetrics : public Sharded<RateLimitShard> {
 public:
  RateLimitMetrics(std::string policy, unsigned slots)
      : Sharded(slots), policy_(std::move(policy)) {}
  const std::string& policy() const noexcept { return policy_; }

 private:
  std::string policy_;
};

struct alignas(cache_line) LoadShedShard {
  // By priority (critical never is) and by cause.
  std::array<std::array<Counter, control::load_source_count>, priority_count - 1> refused;
};

class LoadShedMetrics : public Sharded<LoadShedShard> {
 public:
  LoadShedMetrics(std::string policy, unsigned slots)
      : Sharded(slots), policy_(std::move(policy)) {}
  const std::string& policy() const noexcept { return policy_; }

  SharedValue level;  // how many priorities are refused, in the worker that refuses most

 private:
  std::string policy_;
};

struct alignas(cache_line) MirrorShard {
  Counter sent;
  Counter dropped;  // picked by the share and not sent
};

// Of a route and the upstream that it is mirrored to.
class MirrorMetrics : public Sharded<MirrorShard> {
 public:
  MirrorMetrics(std::string route, std::string upstream, unsigned slots)
      : Sharded(slots), route_(std::move(route)), upstream_(std::move(upstream)) {}
  const std::string& route() const noexcept { return route_; }
  const std::string& upstream() const noexcept { return upstream_; }

 private:
  std::string route_;
  std::string upstream_;
};

struct alignas(cache_line) FallbackShard {
  std::array<Counter, reason_count> taken;  // by the failure that it answered for
};

// Of a route.
class FallbackMetrics : public Sharded<FallbackShard> {
 public:
  FallbackMetrics(std::string route, unsigned slots) : Sharded(slots), route_(std::move(route)) {}
  const std::string& route() const noexcept { return route_; }

 private:
  std::string route_;
};

}  // namespace weir::telemetry
