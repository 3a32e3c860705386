// One scrape: sums the workers' shards into the families of prometheus-cpp's model. Lives during
// Metrics::scrape, under its lock.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <cstdint>
#include <vector>

#include "weir/telemetry/metrics.hpp"

namespace weir::telemetry {

class Exposition final : public prometheus::Collectable {
 public:
  explicit Exposition(const Metrics& metrics) noexcept : metrics_(metrics) {}

  // Families without a series are left out.
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  // Whoever held the series has let go: what is gone has no level.
  template <class Held>
  static bool is_gone(const Held& held) noexcept {
    return held.series.use_count() == 1;
  }
  template <class Held>
  bool is_shown(const Held& held) const noexcept {
    const std::uint64_t shown = held.series->shown;
    return shown == 0 ? !is_gone(held) : shown == metrics_.scrapes_;
  }
  using Families = std::vector<prometheus::MetricFamily>;
  void collect_routes(Families& out) const;
  void collect_listeners(Families& out) const;
  void collect_upstreams(Families& out) const;
  void collect_retries(Families& out) const;
  void collect_endpoints(Families& out) const;
  void collect_names(Families& out) const;
  void collect_weights(Families& out) const;
  void collect_leniencies(Families& out) const;
  void collect_rate_limits(Families& out) const;
  void collect_load_sheds(Families& out) const;
  void collect_breaker_sheds(Families& out) const;
  void collect_jwt(Families& out) const;
  void collect_mirrors(Families& out) const;
  void collect_fallbacks(Families& out) const;
  void collect_providers(Families& out) const;
  void collect_spans(Families& out) const;
  void collect_gateway(Families& out) const;
  void collect_process(Families& out) const;

  const Metrics& metrics_;
};

}  // namespace weir::telemetry
