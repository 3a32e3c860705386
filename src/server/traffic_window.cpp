#include "server/traffic_window.hpp"

#include <chrono>

namespace weir::server {

void TrafficWindow::sample(TimePoint now, const telemetry::TrafficCounts& counts) {
  samples_.push_back({now, counts});
  while (samples_.size() > 1 && now - samples_[1].at >= length) samples_.pop_front();
}

TrafficRates TrafficWindow::rates(TimePoint now, const telemetry::TrafficCounts& counts) const {
  if (samples_.empty() || now <= samples_.front().at) return {};
  const Sample& since = samples_.front();
  const double seconds = std::chrono::duration<double>(now - since.at).count();
  const auto rate = [&](std::uint64_t then, std::uint64_t before) {
    return static_cast<double>(then - before) / seconds;
  };
  return {rate(counts.requests, since.counts.requests),
          rate(counts.server_errors, since.counts.server_errors),
          rate(counts.refused, since.counts.refused)};
}

}  // namespace weir::server
