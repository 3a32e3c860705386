// Building blocks of the exposition: families and their samples. Scraping thread.
#pragma once

#include <prometheus/metric_family.h>

#include <array>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "weir/telemetry/cells.hpp"

namespace weir::telemetry {

struct Label {
  std::string_view name;
  std::string_view value;
};
using Labels = std::initializer_list<Label>;

// A histogram's cells summed over workers.
struct HistogramSum {
  std::array<std::uint64_t, Histogram::bound_count + 1> buckets{};
  std::uint64_t nanoseconds = 0;
  void add(const Histogram& shard) noexcept;
};

class Family {
 public:
  Family(prometheus::MetricType type, std::string_view name, std::string_view help);
  void counter(Labels labels, std::uint64_t value);
  void counter_of(Labels labels, double value);
  void gauge(Labels labels, double value);
  void histogram(Labels labels, const HistogramSum& sum);
  // Leaves the family out when it has no sample.
  void append_to(std::vector<prometheus::MetricFamily>& out) &&;

 private:
  prometheus::ClientMetric& add(Labels labels);
  prometheus::MetricFamily family_;
};

Family counter_family(std::string_view name, std::string_view help);
Family gauge_family(std::string_view name, std::string_view help);
Family histogram_family(std::string_view name, std::string_view help);

}  // namespace weir::telemetry
