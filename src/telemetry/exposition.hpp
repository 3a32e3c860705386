// One scrape: sums the workers' shards and writes them as text. Lives during Metrics::text, under
// its lock.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "telemetry/families.hpp"
#include "weir/telemetry/metrics.hpp"

namespace weir::telemetry {

class Exposition {
 public:
  Exposition(const Metrics& metrics, const Writing& writing) noexcept
      : metrics_(metrics), writing_(writing) {}

  // Families without a series are left out.
  std::string text() const;

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
  // Tests read the names and kinds of all families from where these are called.
  Family counter_family(std::string_view name, std::string_view help) const {
    return {FamilyKind::counter, name, help, writing_};
  }
  // `fold`: what of a level that has too many series is shown for the rest.
  Family gauge_family(std::string_view name, std::string_view help, Fold fold = Fold::sum) const {
    return {FamilyKind::gauge, name, help, writing_, fold};
  }
  Family histogram_family(std::string_view name, std::string_view help) const {
    return {FamilyKind::histogram, name, help, writing_};
  }

  using Families = std::string;
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
  void collect_folded(Families& out) const;

  const Metrics& metrics_;
  const Writing& writing_;
};

}  // namespace weir::telemetry
