// The limit of one endpoint that follows its latency: windows of answers, the long-term minimum
// with its probes, and one of the rules that make a limit of them. Pure; one thread at a time.
//
// `gradient`: a window lasts 100 ms, or twice the last median if that is longer, so that it shows
// what the last change did. `heuristic`: a second. Either goes on until ten answers have come.
#pragma once

#include <cstdint>
#include <variant>

#include "weir/control/gradient_limit.hpp"
#include "weir/control/heuristic_limit.hpp"
#include "weir/control/least_latency.hpp"
#include "weir/control/probe_turn.hpp"

namespace weir::control {

class MeasuredLimit {
 public:
  using Policy = std::variant<GradientPolicy, HeuristicPolicy>;

  static constexpr Duration gradient_window = std::chrono::milliseconds(100);
  static constexpr Duration longest_window = std::chrono::seconds(5);
  static constexpr Duration heuristic_window = std::chrono::seconds(1);
  static constexpr std::uint64_t window_answers = 10;

  MeasuredLimit(const Policy& policy, TimePoint now) noexcept;

  const Policy& policy() const noexcept { return policy_; }
  // At this moment: the lowest one during a probe.
  std::uint64_t limit() const noexcept;
  // The long-term minimum; zero: not known yet.
  Duration least() const noexcept { return least_.value(); }
  bool probing() const noexcept { return least_.probing(); }

  // Answers to requests that began earlier say nothing of this window.
  TimePoint counts_from() const noexcept { return counts_from_; }
  // When the window may end, and how many answers it takes; at the end of a probe's time fewer do.
  TimePoint earliest_end() const noexcept { return earliest_end_; }
  std::uint64_t answers() const noexcept;
  Deadline latest_end() const noexcept { return least_.probe_end(); }
  bool ends(TimePoint now, std::uint64_t answers) const noexcept {
    return (now >= earliest_end_ && answers >= this->answers()) || now >= latest_end();
  }

  // The window ends with these figures, and the next one begins; where a probe is due and it is
  // this endpoint's turn, that.
  void window(TimePoint now, const LatencyFigures& figures, ProbeTurn& turn) noexcept;

 private:
  std::uint64_t lowest() const noexcept;
  void begin_window(TimePoint now, Duration median) noexcept;
  void apply_rule(TimePoint now, const LatencyFigures& figures) noexcept;

  Policy policy_;
  std::variant<GradientLimit, HeuristicLimit> rule_;
  LeastLatency least_;
  TimePoint counts_from_{};
  TimePoint began_;
  TimePoint earliest_end_;
};

}  // namespace weir::control
