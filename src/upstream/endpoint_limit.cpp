#include "weir/upstream/endpoint_limit.hpp"

namespace weir::upstream {
namespace {

bool tells_latency(const TryOutcome& outcome) noexcept {
  // What ran into its time took at least that.
  if (outcome.end == control::CallEnd::timeout) return true;
  return outcome.end == control::CallEnd::answered && outcome.status < 500 && outcome.status != 429;
}

TimePoint::rep rep_of(TimePoint time) noexcept { return time.time_since_epoch().count(); }

}  // namespace

void EndpointLimit::apply(const Policy& policy, TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (measured_.policy() == policy) return;
  measured_ = control::MeasuredLimit(policy, now);
  window_.take();
  publish();
}

void EndpointLimit::publish() noexcept {
  counts_from_.store(rep_of(measured_.counts_from()), std::memory_order_relaxed);
  earliest_end_.store(rep_of(measured_.earliest_end()), std::memory_order_relaxed);
  latest_end_.store(rep_of(measured_.latest_end()), std::memory_order_relaxed);
  answers_.store(measured_.answers(), std::memory_order_relaxed);
  value_.store(measured_.limit());
}

bool EndpointLimit::may_end(TimePoint now) const noexcept {
  const TimePoint::rep at = rep_of(now);
  if (at >= latest_end_.load(std::memory_order_relaxed)) return true;
  return at >= earliest_end_.load(std::memory_order_relaxed) &&
         window_.count() >= answers_.load(std::memory_order_relaxed);
}

bool EndpointLimit::tried(TimePoint now, std::uint64_t in_flight, const TryOutcome& outcome,
                          control::ProbeTurn& turn) noexcept {
  const bool counts = tells_latency(outcome) &&
                      rep_of(now - outcome.head) >= counts_from_.load(std::memory_order_relaxed);
  if (counts) window_.add(outcome.head, in_flight);
  if (!may_end(now)) return false;
  const std::unique_lock lock(mutex_, std::try_to_lock);
  // Who has it ends the window.
  if (!lock.owns_lock() || !measured_.ends(now, window_.count())) return false;
  const std::uint64_t before = value_.load();
  measured_.window(now, window_.take(), turn);
  publish();
  return value_.load() > before;
}

}  // namespace weir::upstream
