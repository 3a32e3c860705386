#include "telemetry/families.hpp"

#include <limits>
#include <string>
#include <utility>

namespace weir::telemetry {

void HistogramSum::add(const Histogram& shard) noexcept {
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += shard.in_bucket(i);
  nanoseconds += shard.sum_nanoseconds();
}

Family::Family(prometheus::MetricType type, std::string_view name, std::string_view help) {
  family_.name = name;
  family_.help = help;
  family_.type = type;
}

prometheus::ClientMetric& Family::add(Labels labels) {
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  metric.label.reserve(labels.size());
  for (const Label& label : labels) {
    metric.label.push_back({std::string(label.name), std::string(label.value)});
  }
  return metric;
}

void Family::counter(Labels labels, std::uint64_t value) {
  counter_of(labels, static_cast<double>(value));
}

void Family::counter_of(Labels labels, double value) { add(labels).counter.value = value; }

void Family::gauge(Labels labels, double value) { add(labels).gauge.value = value; }

void Family::histogram(Labels labels, const HistogramSum& sum) {
  auto& histogram = add(labels).histogram;
  histogram.bucket.reserve(sum.buckets.size());
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < sum.buckets.size(); ++i) {
    cumulative += sum.buckets[i];
    const double bound = i < Histogram::bound_count
                             ? static_cast<double>(Histogram::bounds[i]) / 1e9
                             : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({cumulative, bound});
  }
  histogram.sample_count = cumulative;
  histogram.sample_sum = static_cast<double>(sum.nanoseconds) / 1e9;
}

void Family::append_to(std::vector<prometheus::MetricFamily>& out) && {
  if (!family_.metric.empty()) out.push_back(std::move(family_));
}

Family counter_family(std::string_view name, std::string_view help) {
  return {prometheus::MetricType::Counter, name, help};
}
Family gauge_family(std::string_view name, std::string_view help) {
  return {prometheus::MetricType::Gauge, name, help};
}
Family histogram_family(std::string_view name, std::string_view help) {
  return {prometheus::MetricType::Histogram, name, help};
}

}  // namespace weir::telemetry
