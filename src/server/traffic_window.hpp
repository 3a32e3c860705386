// How many requests a second there were of late. Pure; one thread.
#pragma once

#include <deque>

#include "weir/base/time.hpp"
#include "weir/telemetry/traffic.hpp"

namespace weir::server {

struct TrafficRates {  // a second
  double requests = 0;
  double server_errors = 0;
  double refused = 0;
};

// Over the last ten seconds or a little more, or since the first sample if that is not so long ago:
// whoever asks and how often, all read the same.
class TrafficWindow {
 public:
  static constexpr Duration length = std::chrono::seconds(10);

  // What was counted by `now`; to be told at least once a second.
  void sample(TimePoint now, const telemetry::TrafficCounts& counts);
  // Up to `now`; zero before the first sample.
  TrafficRates rates(TimePoint now, const telemetry::TrafficCounts& counts) const;

 private:
  struct Sample {
    TimePoint at;
    telemetry::TrafficCounts counts;
  };
  std::deque<Sample> samples_;  // the first: where the window begins
};

}  // namespace weir::server
