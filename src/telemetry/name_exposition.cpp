// What is counted of upstreams' names.
#include "telemetry/exposition.hpp"
#include "telemetry/families.hpp"

namespace weir::telemetry {

void Exposition::collect_names(Families& out) const {
  auto look_ups = counter_family("weir_dns_lookups_total",
                                 "Look-ups of names of an upstream's endpoints, by result.");
  auto endpoints = gauge_family("weir_upstream_endpoints", "Addresses that an upstream has.");
  auto from_failed = gauge_family(
      "weir_upstream_endpoints_from_failed",
      "Whether the file of endpoints_from cannot be read or is wrong: 1 or 0.", Fold::largest);
  for (const auto& [key, held] : metrics_.upstreams_) {
    const UpstreamMetrics& upstream = *held.series;
    const Label label{"upstream", upstream.upstream()};
    for (std::size_t i = 0; i < upstream.look_ups.size(); ++i) {
      const std::uint64_t count = upstream.look_ups[i].value();
      if (count == 0) continue;
      look_ups.counter({label, {"result", control::name(static_cast<control::LookUpEnd>(i))}},
                       count);
    }
    if (!is_shown(held)) continue;
    endpoints.gauge({label}, upstream.endpoints.value());
    const double failed = upstream.endpoints_from_failed.value();
    if (failed >= 0) from_failed.gauge({label}, failed);
  }
  std::move(look_ups).append_to(out);
  std::move(endpoints).append_to(out);
  std::move(from_failed).append_to(out);
}

}  // namespace weir::telemetry
