// What an endpoint takes for an answer when it has little to do: the long-term minimum that its
// latency of now is compared with. It is the smallest median of a window, so that answers which
// differ by nature do not look like a queue. Pure.
//
// A window in which the endpoint had no more requests than a probe lets it have is as good as a
// probe: the minimum is what that says, though it be more than before; at most twice as much at a
// time, so that a moment in which nothing is answered is soon forgotten. Where no such window comes
// within `holds`, a probe is due: for a moment the endpoint gets few requests. Without it a queue
// that stands for long would be taken for what the endpoint is like.
#pragma once

#include <cstdint>

#include "weir/control/latency_tally.hpp"

namespace weir::control {

class LeastLatency {
 public:
  static constexpr Duration holds = std::chrono::seconds(30);
  static constexpr std::uint64_t probe_answers = 20;  // end a probe
  static constexpr std::uint64_t least_answers = 5;   // say something of the minimum
  static constexpr Duration shortest_probe = std::chrono::seconds(1);
  static constexpr Duration longest_probe = std::chrono::seconds(10);

  explicit LeastLatency(TimePoint now) noexcept : measured_(now) {}

  // Zero: nothing is known yet.
  Duration value() const noexcept { return value_; }

  // A window outside of a probe ended. `at_rest`: a probe would have let it have as many requests.
  void window(TimePoint now, const LatencyFigures& figures, bool at_rest) noexcept;

  bool due(TimePoint now) const noexcept { return !probing_ && now - measured_ >= holds; }
  bool probing() const noexcept { return probing_; }
  void begin_probe(TimePoint now) noexcept;
  // Nobody waits longer for the answers to a probe.
  Deadline probe_end() const noexcept { return probe_end_; }
  // With the answers to requests that began in it.
  void end_probe(TimePoint now, const LatencyFigures& figures) noexcept;

 private:
  void measure(Duration median) noexcept;

  Duration value_{};
  TimePoint measured_;
  bool probing_ = false;
  Deadline probe_end_ = no_deadline;
};

}  // namespace weir::control
