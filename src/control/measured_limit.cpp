#include "weir/control/measured_limit.hpp"

#include <algorithm>

namespace weir::control {
namespace {

std::variant<GradientLimit, HeuristicLimit> rule_of(const MeasuredLimit::Policy& policy) noexcept {
  if (const auto* gradient = std::get_if<GradientPolicy>(&policy)) return GradientLimit(*gradient);
  return HeuristicLimit(*std::get_if<HeuristicPolicy>(&policy));
}

}  // namespace

MeasuredLimit::MeasuredLimit(const Policy& policy, TimePoint now) noexcept
    : policy_(policy), rule_(rule_of(policy)), least_(now), began_(now), earliest_end_(now) {
  begin_window(now, Duration::zero());
}

std::uint64_t MeasuredLimit::lowest() const noexcept {
  const auto* gradient = std::get_if<GradientPolicy>(&policy_);
  return gradient != nullptr ? gradient->min : std::get_if<HeuristicPolicy>(&policy_)->floor;
}

std::uint64_t MeasuredLimit::limit() const noexcept {
  if (least_.probing()) return lowest();
  const auto* gradient = std::get_if<GradientLimit>(&rule_);
  return gradient != nullptr ? gradient->limit() : std::get_if<HeuristicLimit>(&rule_)->limit();
}

std::uint64_t MeasuredLimit::answers() const noexcept {
  return least_.probing() ? LeastLatency::probe_answers : window_answers;
}

void MeasuredLimit::begin_window(TimePoint now, Duration median) noexcept {
  began_ = now;
  if (std::holds_alternative<HeuristicPolicy>(policy_)) {
    earliest_end_ = now + heuristic_window;
  } else {
    earliest_end_ = now + std::clamp<Duration>(2 * median, gradient_window, longest_window);
  }
}

void MeasuredLimit::apply_rule(TimePoint now, const LatencyFigures& figures) noexcept {
  const Duration least = least_.value();
  if (auto* const gradient = std::get_if<GradientLimit>(&rule_)) {
    return gradient->window(least, figures);
  }
  const double seconds = std::chrono::duration<double>(now - began_).count();
  std::get_if<HeuristicLimit>(&rule_)->passed(seconds,
                                              HeuristicLimit::load_factor(least, figures.median),
                                              HeuristicLimit::idle_share(least, figures.median));
}

void MeasuredLimit::window(TimePoint now, const LatencyFigures& figures, ProbeTurn& turn) noexcept {
  if (least_.probing()) {
    turn.end(least_.probe_end());
    least_.end_probe(now, figures);
    counts_from_ = TimePoint();
    return begin_window(now, figures.median);
  }
  least_.window(now, figures, figures.most_in_flight <= lowest());
  if (figures.count != 0 && least_.value() > Duration::zero()) apply_rule(now, figures);
  begin_window(now, figures.median);
  if (!least_.due(now) || limit() <= lowest()) return;
  LeastLatency probed = least_;
  probed.begin_probe(now);
  if (!turn.take(now, probed.probe_end())) return;
  least_ = probed;
  counts_from_ = now;
  earliest_end_ = now;
}

}  // namespace weir::control
