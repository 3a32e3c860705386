// What one scrape asks for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::telemetry {

enum class TextFormat : std::uint8_t {
  prometheus,   // the text format 0.0.4 of Prometheus
  openmetrics,  // OpenMetrics 1.0.0: with exemplars, units, and an end
};

struct ScrapeRequest {
  TextFormat format = TextFormat::prometheus;
  // Families that are asked for, by their own name or that of a sample; empty: all.
  std::vector<std::string> names = {};

  // Whether a family is asked for: by its name in either format, or by the name of one of its
  // samples.
  bool wants(std::string_view family) const noexcept;
};

}  // namespace weir::telemetry
