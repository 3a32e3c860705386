// What is counted per policy that may refuse a request. Found by the policy's name through Metrics,
// kept by its middleware; each worker writes its own shard.
#pragma once

#include <string>
#include <utility>

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

}  // namespace weir::telemetry
