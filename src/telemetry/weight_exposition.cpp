// Where an upstream's requests go: by weight, by zone, and what endpoints say of their load.
#include <array>
#include <string_view>

#include "telemetry/exposition.hpp"
#include "telemetry/families.hpp"
#include "telemetry/sums.hpp"

namespace weir::telemetry {

void Exposition::collect_weights(Families& out) const {
  auto weights = gauge_family("weir_upstream_endpoint_weight",
                              "The weight of the endpoint that is in force; 0: no requests.");
  auto requests = counter_family("weir_upstream_zone_requests_total",
                                 "Tries that were begun at endpoints of a zone.");
  auto reports = counter_family("weir_upstream_load_reports_total",
                                "Answers with a word on their endpoint's load, by its use.");
  constexpr std::array<std::string_view, load_report_result_count> results{"used", "incomplete",
                                                                           "malformed", "binary"};
  for (const auto& [key, held] : metrics_.endpoints_) {
    const EndpointMetrics& endpoint = *held.series;
    if (!is_shown(held)) continue;
    weights.gauge({{"upstream", endpoint.upstream()}, {"endpoint", endpoint.address()}},
                  endpoint.weight.value());
  }
  for (const auto& [key, held] : metrics_.zones_) {
    const ZoneMetrics& zone = *held.series;
    const std::string_view name = zone.zone().empty() ? std::string_view("-") : zone.zone();
    requests.counter({{"upstream", zone.upstream()}, {"zone", name}},
                     total(zone, [](const ZoneShard& s) -> auto& { return s.requests; }));
  }
  for (const auto& [key, held] : metrics_.upstreams_) {
    const UpstreamMetrics& upstream = *held.series;
    for (std::size_t i = 0; i < results.size(); ++i) {
      const auto n =
          total(upstream, [i](const UpstreamShard& s) -> auto& { return s.load_reports[i]; });
      if (n == 0) continue;
      reports.counter({{"upstream", upstream.upstream()}, {"result", results[i]}}, n);
    }
  }
  for (Family* family : {&weights, &requests, &reports}) std::move(*family).append_to(out);
}

}  // namespace weir::telemetry
