#include <array>
#include <string_view>

#include "telemetry/exposition.hpp"
#include "telemetry/families.hpp"
#include "telemetry/sums.hpp"

namespace weir::telemetry {

void Exposition::collect_retries(Families& out) const {
  // In the order of RetryResult.
  constexpr std::array<std::string_view, retry_result_count> results{"success", "failure", "budget",
                                                                     "not_replayable"};
  // In the order of HedgeResult.
  constexpr std::array<std::string_view, hedge_result_count> ends{"won", "lost", "budget"};
  auto hedges = counter_family("weir_hedges_total",
                               "Hedges that ended, and those that the retry budget kept back.");
  auto retries = counter_family(
      "weir_retries_total", "Retries that ended, and those that were wanted and not sent, by why.");
  auto held = gauge_family("weir_retry_body_bytes",
                           "Content of requests that is kept in case they are retried.");
  for (const auto& [key, one] : metrics_.upstreams_) {
    const UpstreamMetrics& upstream = *one.series;
    const Label label{"upstream", upstream.upstream()};
    using S = UpstreamShard;
    for (std::size_t i = 0; i < results.size(); ++i) {
      const auto n = total(upstream, [i](const S& s) -> auto& { return s.retries[i]; });
      if (n != 0) retries.counter({label, {"result", results[i]}}, n);
    }
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const auto n = total(upstream, [i](const S& s) -> auto& { return s.hedges[i]; });
      if (n != 0) hedges.counter({label, {"result", ends[i]}}, n);
    }
    if (!is_shown(one)) continue;
    held.gauge({label}, level(upstream, [](const S& s) -> auto& { return s.retry_body; }));
  }
  std::move(retries).append_to(out);
  std::move(held).append_to(out);
  std::move(hedges).append_to(out);
}

}  // namespace weir::telemetry
