// Building blocks of the exposition: families that write their samples as text. Scraping thread.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/series_ceiling.hpp"
#include "weir/config/metrics.hpp"
#include "weir/telemetry/cells.hpp"
#include "weir/telemetry/scrape.hpp"

namespace weir::telemetry {

struct Label {
  std::string_view name;
  std::string_view value;
};
using Labels = std::initializer_list<Label>;

// A histogram's cells summed over workers, with the latest exemplar of each bucket.
struct HistogramSum {
  static constexpr std::size_t bucket_count = Histogram::bound_count + 1;
  std::array<std::uint64_t, bucket_count> buckets{};
  std::uint64_t nanoseconds = 0;
  std::vector<Exemplar> exemplars;  // of each bucket, or none at all
  void add(const Histogram& shard);
};

// What a scrape is written by; all of it outlives the families.
struct Writing {
  const ScrapeRequest& asked;
  const config::Metrics& settings;
  SeriesCeilings& ceilings;
};

enum class FamilyKind : std::uint8_t { counter, gauge, histogram };

class Family {
 public:
  // `name` and `help` are literals; a counter's name ends in `_total`. `fold`: of levels beyond the
  // ceiling.
  Family(FamilyKind kind, std::string_view name, std::string_view help, const Writing& writing,
         Fold fold = Fold::sum);
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;
  ~Family() = default;

  void counter(Labels labels, std::uint64_t value);
  void counter_of(Labels labels, double value);
  void gauge(Labels labels, double value);
  void histogram(Labels labels, const HistogramSum& sum);
  // Leaves the family out when it has no sample, or nobody asked for it. Once.
  void append_to(std::string& out) &&;

 private:
  // Whether a series with these labels, which are in labels_ then, is shown itself.
  bool begin_series(Labels labels);
  void fold(Labels labels, const SeriesCeiling::Values& values, Fold how);
  void write_value(std::string_view labels, double value);
  // `values`: of each bucket, then the sum in nanoseconds.
  void write_histogram(std::string_view labels, const SeriesCeiling::Values& values,
                       const std::vector<Exemplar>& exemplars);
  void write_bucket(std::string_view labels, std::string_view bound, double cumulative,
                    const Exemplar* exemplar);
  bool is_openmetrics() const noexcept { return writing_.asked.format == TextFormat::openmetrics; }

  FamilyKind kind_;
  std::string_view name_;
  std::string_view help_;
  const Writing& writing_;
  Fold fold_;
  SeriesCeiling* ceiling_ = nullptr;  // null: nobody asked for the family
  std::string labels_;
  std::string other_labels_;
  SeriesCeiling::Values values_;
  std::string text_;
};

}  // namespace weir::telemetry
