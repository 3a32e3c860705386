#include "weir/control/call_window.hpp"

#include <algorithm>

namespace weir::control {

CallWindow::CallWindow(Duration time, std::uint32_t last_calls)
    : step_(std::max<Duration>(time / static_cast<Duration::rep>(steps), Duration(1))),
      ring_(last_calls) {}

void CallWindow::add(TimePoint now, bool failed, bool slow) noexcept {
  const CallCounts one{.calls = 1, .failed = failed ? 1u : 0u, .slow = slow ? 1u : 0u};
  if (ring_.empty()) {
    move_to(now);
    CallCounts& step = by_step_[static_cast<std::size_t>(at_) % steps];
    step.calls += one.calls;
    step.failed += one.failed;
    step.slow += one.slow;
  } else {
    std::uint8_t& place = ring_[next_];
    if (sum_.calls == ring_.size()) {
      take_out({.calls = 1, .failed = place & 1u, .slow = (place >> 1) & 1u});
    }
    place = static_cast<std::uint8_t>((failed ? 1 : 0) | (slow ? 2 : 0));
    if (++next_ == ring_.size()) next_ = 0;
  }
  sum_.calls += one.calls;
  sum_.failed += one.failed;
  sum_.slow += one.slow;
}

CallCounts CallWindow::counts(TimePoint now) noexcept {
  if (ring_.empty()) move_to(now);
  return sum_;
}

void CallWindow::clear() noexcept {
  sum_ = {};
  by_step_ = {};
  next_ = 0;
}

void CallWindow::move_to(TimePoint now) noexcept {
  const std::int64_t to = now.time_since_epoch() / step_;
  if (to <= at_) return;
  const std::int64_t gone = std::min<std::int64_t>(to - at_, steps);
  for (std::int64_t i = 1; i <= gone; ++i) {
    CallCounts& step = by_step_[static_cast<std::size_t>(at_ + i) % steps];
    take_out(step);
    step = {};
  }
  at_ = to;
}

void CallWindow::take_out(const CallCounts& old) noexcept {
  sum_.calls -= old.calls;
  sum_.failed -= old.failed;
  sum_.slow -= old.slow;
}

}  // namespace weir::control
