#include "weir/control/circuit_breaker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace weir::control {
namespace {

// `part` of `whole` reaches `rate`, without what doubles would lose.
bool reaches(std::uint64_t part, std::uint64_t whole, double rate) noexcept {
  constexpr double scale = 1e9;
  return part * static_cast<std::uint64_t>(scale) >=
         whole * static_cast<std::uint64_t>(std::llround(rate * scale));
}

double percent(std::uint64_t part, std::uint64_t whole) noexcept {
  return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::string_view name(BreakerState state) noexcept {
  switch (state) {
    case BreakerState::closed:
      return "closed";
    case BreakerState::half_open:
      return "half_open";
    case BreakerState::open:
      return "open";
  }
  return "";
}

std::string_view name(BreakerForce force) noexcept {
  switch (force) {
    case BreakerForce::off:
      return "off";
    case BreakerForce::closed:
      return "closed";
    case BreakerForce::open:
      return "open";
  }
  return "";
}

std::expected<BreakerCall, Duration> CircuitBreaker::begin_guarded(TimePoint now) {
  const std::lock_guard lock(mutex_);
  after_open(now);
  switch (mode_) {
    case Mode::pass:
      return BreakerCall();
    case Mode::closed:
      return BreakerCall(*this, {stretch_, Permit::Kind::plain});
    case Mode::open:
      return std::unexpected(TimePoint(Duration(open_until_.load(std::memory_order_relaxed))) -
                             now);
    case Mode::forced_open:
      return std::unexpected(policy_.open_for);
    case Mode::ramp:
      if (now - since_ >= std::min(policy_.open_for, longest_ramp)) {
        // The same stretch: what began in the ramp counts on.
        mode_ = Mode::closed;
        word_.store(word(stretch_, mode_), std::memory_order_release);
        return BreakerCall(*this, {stretch_, Permit::Kind::plain});
      }
      if (in_flight_ >= ramp_limit(now)) return std::unexpected(Duration::zero());
      ++in_flight_;
      return BreakerCall(*this, {stretch_, Permit::Kind::ramp});
    case Mode::half_open:
      if (permits_ == 0 && now - since_ >= policy_.open_for) {
        permits_ = policy_.half_open_calls;
        since_ = now;
      }
      if (permits_ == 0) return std::unexpected(Duration::zero());
      --permits_;
      return BreakerCall(*this, {stretch_, Permit::Kind::probe});
  }
  return BreakerCall();
}

void CircuitBreaker::record(const Permit& permit, TimePoint now, CallEnd end, int status,
                            GrpcStatus grpc, Duration took) {
  if (shed_.on()) shed_.answered(now, took);
  const std::lock_guard lock(mutex_);
  if (permit.stretch != stretch_) return;
  const bool failed = fails(end, status, grpc);
  const bool slow = took > policy_.slow_call;
  if (mode_ == Mode::half_open) {
    ++probes_.calls;
    probes_.failed += failed ? 1 : 0;
    probes_.slow += slow ? 1 : 0;
    if (probes_.calls < policy_.half_open_calls) return;
    std::string why = verdict(probes_);
    since_ = now;
    if (why.empty()) {
      enter(Mode::ramp, fmt::format("{} of {} probes succeeded", probes_.calls - probes_.failed,
                                    probes_.calls));
    } else {
      open_until_.store((now + policy_.open_for).time_since_epoch().count(),
                        std::memory_order_relaxed);
      enter(Mode::open, std::move(why));
    }
    return;
  }
  if (mode_ != Mode::closed && mode_ != Mode::ramp) return;
  if (!failed) ++succeeded_;
  window_.add(now, failed, slow);
  const CallCounts counts = window_.counts(now);
  if (counts.calls < policy_.minimum_calls || (counts.failed == 0 && counts.slow == 0)) return;
  std::string why = verdict(counts);
  if (why.empty()) return;
  open_until_.store((now + policy_.open_for).time_since_epoch().count(), std::memory_order_relaxed);
  enter(Mode::open, std::move(why));
}

void CircuitBreaker::finish(const Permit& permit, bool used) noexcept {
  const std::lock_guard lock(mutex_);
  if (permit.stretch != stretch_) return;
  if (permit.kind == Permit::Kind::ramp) --in_flight_;
  if (permit.kind == Permit::Kind::probe && !used) ++permits_;
}

void CircuitBreaker::apply(const std::optional<BreakerPolicy>& policy) {
  const std::lock_guard lock(mutex_);
  if (policy == configured_) return;
  configured_ = policy;
  policy_ = policy.value_or(BreakerPolicy());
  counts_grpc_.store(policy_.grpc_fails.any(), std::memory_order_relaxed);
  if (policy_.window_calls != 0) {
    policy_.minimum_calls = std::min(policy_.minimum_calls, policy_.window_calls);
  }
  window_ = CallWindow(policy_.window, policy_.window_calls);
  if (force_ == BreakerForce::off) restart("new settings");
}

void CircuitBreaker::force(BreakerForce force) {
  const std::lock_guard lock(mutex_);
  if (force == force_) return;
  force_ = force;
  switch (force) {
    case BreakerForce::off:
      return restart("no longer forced");
    case BreakerForce::closed:
      return enter(Mode::pass, "forced by an operator");
    case BreakerForce::open:
      return enter(Mode::forced_open, "forced by an operator");
  }
}

BreakerView CircuitBreaker::view(TimePoint now) {
  const std::lock_guard lock(mutex_);
  after_open(now);
  BreakerView out{.active = configured_ || force_ != BreakerForce::off,
                  .state = state(),
                  .force = force_,
                  .why = why_,
                  .open_left = {},
                  .counts = mode_ == Mode::half_open ? probes_ : window_.counts(now),
                  .transitions = transitions_};
  if (mode_ == Mode::open) {
    out.open_left = TimePoint(Duration(open_until_.load(std::memory_order_relaxed))) - now;
  }
  return out;
}

void CircuitBreaker::enter(Mode mode, std::string why) {
  const BreakerState before = state();
  mode_ = mode;
  ++stretch_;
  window_.clear();
  probes_ = {};
  permits_ = mode == Mode::half_open ? policy_.half_open_calls : 0;
  in_flight_ = 0;
  succeeded_ = 0;
  word_.store(word(stretch_, mode_), std::memory_order_release);
  const BreakerState now = state();
  why_ = now != before || force_ != BreakerForce::off ? std::move(why) : std::string();
  if (now == before) return;
  ++transitions_[static_cast<std::size_t>(now)];
  if (observer_) observer_({before, now, why_});
}

void CircuitBreaker::restart(std::string why) {
  enter(configured_ ? Mode::closed : Mode::pass, std::move(why));
}

void CircuitBreaker::after_open(TimePoint now) {
  if (mode_ != Mode::open ||
      now < TimePoint(Duration(open_until_.load(std::memory_order_relaxed)))) {
    return;
  }
  since_ = now;
  enter(Mode::half_open, "open_for is over");
}

bool CircuitBreaker::fails(CallEnd end, int status, GrpcStatus grpc) const noexcept {
  switch (end) {
    case CallEnd::answered:
      if (grpc >= 0 && grpc < other_grpc_status) {
        return policy_.grpc_fails[static_cast<std::size_t>(grpc)];
      }
      return status >= 500 && status <= 599 &&
             policy_.statuses_fail[static_cast<std::size_t>(status - 500)];
    case CallEnd::connect:
      return policy_.connect_fails;
    case CallEnd::reset:
      return policy_.reset_fails;
    case CallEnd::timeout:
      return policy_.timeout_fails;
    case CallEnd::unknown:
      break;
  }
  return false;
}

std::string CircuitBreaker::verdict(const CallCounts& counts) const {
  if (reaches(counts.failed, counts.calls, policy_.failure_rate)) {
    return fmt::format("{:.1f}% of {} calls failed", percent(counts.failed, counts.calls),
                       counts.calls);
  }
  if (reaches(counts.slow, counts.calls, policy_.slow_call_rate)) {
    return fmt::format("{:.1f}% of {} calls were slow", percent(counts.slow, counts.calls),
                       counts.calls);
  }
  return {};
}

std::uint64_t CircuitBreaker::ramp_limit(TimePoint now) const noexcept {
  const Duration whole = std::min(policy_.open_for, longest_ramp);
  const Duration step = std::max<Duration>(whole / 10, Duration(1));
  const auto steps = std::clamp<Duration::rep>((now - since_) / step, 0, 10);
  return (ramp_calls + succeeded_) << steps;
}

BreakerState CircuitBreaker::state() const noexcept {
  switch (mode_) {
    case Mode::pass:
    case Mode::closed:
    case Mode::ramp:
      return BreakerState::closed;
    case Mode::half_open:
      return BreakerState::half_open;
    case Mode::open:
    case Mode::forced_open:
      return BreakerState::open;
  }
  return BreakerState::closed;
}

}  // namespace weir::control
