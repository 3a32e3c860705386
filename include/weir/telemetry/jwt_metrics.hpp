// What is counted per jwt policy. Found by name through Metrics, kept by the middleware; its
// numbers go on over reloads. Each worker writes its own shard.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "weir/base/reason.hpp"
#include "weir/telemetry/cells.hpp"
#include "weir/telemetry/sharded.hpp"

namespace weir::telemetry {

struct alignas(cache_line) JwtShard {
  void count(Reason result, bool cached) noexcept {
    (cached ? remembered : verified)[static_cast<std::size_t>(result)].add();
  }

  std::array<Counter, reason_count> verified;    // by result; Reason::none is "ok"
  std::array<Counter, reason_count> remembered;  // of tokens found good before
};

class JwtMetrics : public Sharded<JwtShard> {
 public:
  JwtMetrics(std::string policy, unsigned slots) : Sharded(slots), policy_(std::move(policy)) {}
  const std::string& policy() const noexcept { return policy_; }

 private:
  std::string policy_;
};

// When the keys of an issuer were last fetched, in seconds since the epoch; `last_success` belongs
// to whoever fetches. Guarded by Metrics.
struct JwtKeysMetrics {
  std::shared_ptr<const SharedValue> last_success;
};

}  // namespace weir::telemetry
