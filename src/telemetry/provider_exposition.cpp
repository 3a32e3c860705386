// What is counted of providers of configuration.
#include "telemetry/exposition.hpp"
#include "telemetry/families.hpp"

namespace weir::telemetry {

void Exposition::collect_providers(Families& out) const {
  auto up = gauge_family("weir_provider_up", "Whether the provider answers: 1 or 0.", Fold::least);
  auto success = gauge_family("weir_provider_last_success_timestamp_seconds",
                              "When documents of the provider were last put in force, since the "
                              "epoch in seconds; 0: never since the start.",
                              Fold::least);
  auto rejected = counter_family("weir_provider_documents_rejected_total",
                                 "Versions of documents that were not taken.");
  for (const auto& [key, held] : metrics_.providers_) {
    const Label label{"provider", key.first};
    rejected.counter({label}, held.series->rejected.value());
    if (is_gone(held)) continue;
    up.gauge({label}, held.series->up.value());
    success.gauge({label}, held.series->last_success.value());
  }
  for (Family* family : {&up, &success, &rejected}) std::move(*family).append_to(out);
}

}  // namespace weir::telemetry
