// What /metrics shows: `metrics` of the configuration.
#pragma once

#include <cstdint>

namespace weir::config {

enum class MetricsDetail : std::uint8_t { normal, fine };

struct Metrics {
  std::uint64_t max_series = 10000;              // of a family; a histogram counts as one
  MetricsDetail detail = MetricsDetail::normal;  // of histograms: 14 bounds, or ten a decade

  friend bool operator==(const Metrics&, const Metrics&) = default;
};

}  // namespace weir::config
