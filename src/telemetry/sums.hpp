// Sums of the workers' cells. Scraping thread.
#pragma once

#include <cstdint>

#include "telemetry/families.hpp"

namespace weir::telemetry {

// Sums one cell over the workers; `cell` picks it from a shard.
template <class Series, class Cell>
std::uint64_t total(const Series& series, Cell cell) {
  std::uint64_t sum = 0;
  series.for_each([&](const auto& shard) { sum += cell(shard).value(); });
  return sum;
}

template <class Series, class Cell>
double level(const Series& series, Cell cell) {
  std::int64_t sum = 0;
  series.for_each([&](const auto& shard) { sum += cell(shard).value(); });
  return static_cast<double>(sum);
}

template <class Series, class Cell>
HistogramSum distribution(const Series& series, Cell cell) {
  HistogramSum sum;
  series.for_each([&](const auto& shard) { sum.add(cell(shard)); });
  return sum;
}

template <class Series>
bool used(const Series& series) {
  bool any = false;
  series.for_each([&](const auto&) { any = true; });
  return any;
}

}  // namespace weir::telemetry
