// A circuit breaker as one would write it down: lists instead of counters, no threads. What the
// real one is compared with.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "weir/control/circuit_breaker.hpp"

namespace weir::control {

class BreakerModel {
 public:
  struct Call {
    TimePoint at;
    bool failed;
    bool slow;
  };

  explicit BreakerModel(const BreakerPolicy& policy) : policy_(policy) {}

  BreakerState state(TimePoint now) {
    if (force_ == BreakerForce::closed) return BreakerState::closed;
    if (force_ == BreakerForce::open) return BreakerState::open;
    if (state_ == BreakerState::open && now >= opened_ + policy_.open_for) {
      change(BreakerState::half_open, now);
      probes_left_ = policy_.half_open_calls;
    }
    return state_;
  }

  // Whether a call may begin; it is told apart by `id`.
  bool begin(int id, TimePoint now) {
    const BreakerState seen = state(now);
    if (seen == BreakerState::open) return false;
    if (seen == BreakerState::half_open) {
      if (probes_left_ == 0 && now - since_ >= policy_.open_for) {
        probes_left_ = policy_.half_open_calls;
        since_ = now;
      }
      if (probes_left_ == 0) return false;
      --probes_left_;
    }
    began_in_[id] = force_ == BreakerForce::off ? stretch_ : -1;
    return true;
  }

  void end(int id, TimePoint now, bool failed, bool slow) {
    const int began = began_in_[id];
    began_in_.erase(id);
    if (began != stretch_) return;
    calls_.push_back({now, failed, slow});
    if (state_ == BreakerState::half_open) {
      if (calls_.size() < policy_.half_open_calls) return;
      bad(calls_) ? open(now) : change(BreakerState::closed, now);
      return;
    }
    const std::deque<Call> window = in_window(now);
    const std::uint32_t enough = policy_.window_calls == 0
                                     ? policy_.minimum_calls
                                     : std::min(policy_.minimum_calls, policy_.window_calls);
    if (window.size() >= enough && bad(window)) open(now);
  }

  void give_up(int id) {
    if (began_in_[id] == stretch_ && state_ == BreakerState::half_open) ++probes_left_;
    began_in_.erase(id);
  }

  void force(BreakerForce force, TimePoint now) {
    if (force == force_) return;
    force_ = force;
    change(BreakerState::closed, now);
  }

  std::deque<Call> in_window(TimePoint now) const {
    std::deque<Call> out;
    if (policy_.window_calls != 0) {
      out = calls_;
      while (out.size() > policy_.window_calls) out.pop_front();
      return out;
    }
    // The running tenth and the nine before it.
    const Duration step = policy_.window / 10;
    const auto step_of = [&](TimePoint at) { return at.time_since_epoch() / step; };
    for (const Call& call : calls_) {
      if (step_of(call.at) > step_of(now) - 10) out.push_back(call);
    }
    return out;
  }

 private:
  bool bad(const std::deque<Call>& calls) const {
    const auto failed = std::ranges::count_if(calls, &Call::failed);
    const auto slow = std::ranges::count_if(calls, &Call::slow);
    const auto all = static_cast<double>(calls.size());
    // A tenth times ten is not always one in doubles.
    constexpr double lost = 1e-6;
    return static_cast<double>(failed) + lost >= policy_.failure_rate * all ||
           static_cast<double>(slow) + lost >= policy_.slow_call_rate * all;
  }
  void open(TimePoint now) {
    change(BreakerState::open, now);
    opened_ = now;
  }
  void change(BreakerState to, TimePoint now) {
    state_ = to;
    since_ = now;
    ++stretch_;
    calls_.clear();
  }

  BreakerPolicy policy_;
  BreakerForce force_ = BreakerForce::off;
  BreakerState state_ = BreakerState::closed;
  int stretch_ = 0;
  TimePoint opened_, since_;
  std::uint32_t probes_left_ = 0;
  std::deque<Call> calls_;
  std::map<int, int> began_in_;
};

}  // namespace weir::control
