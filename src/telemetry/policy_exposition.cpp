#include "telemetry/exposition.hpp"
#include "telemetry/families.hpp"

namespace weir::telemetry {

void Exposition::collect_rate_limits(Families& out) const {
  auto decisions =
      counter_family("weir_rate_limit_total", "Decisions of rate limits, a request and policy.");
  for (const auto& [key, held] : metrics_.rate_limits_) {
    std::uint64_t allowed = 0;
    std::uint64_t limited = 0;
    std::uint64_t dry_run = 0;
    held.series->for_each([&](const RateLimitShard& shard) {
      allowed += shard.allowed.value();
      limited += shard.limited.value();
      dry_run += shard.dry_run.value();
    });
    const Label policy{"policy", held.series->policy()};
    decisions.counter({policy, {"decision", "allowed"}}, allowed);
    decisions.counter({policy, {"decision", "limited"}}, limited);
    decisions.counter({policy, {"decision", "dry_run"}}, dry_run);
  }
  std::move(decisions).append_to(out);
}

}  // namespace weir::telemetry
