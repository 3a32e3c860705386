// How much a peer may make us do for nothing: requests that are given up, faults that we reset
// streams for, and frames that move nothing. Buckets that refill with time, and with what is
// useful, so that it is the share of the useless that counts. Pure; any thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "weir/base/time.hpp"

namespace weir::codec::h2 {

class FloodGuard {
 public:
  // A browser that leaves a page resets all its streams at once, twice in a row.
  static constexpr double most_resets = 200;
  static constexpr double resets_a_second = 50;
  static constexpr double most_idle_frames = 1000;
  static constexpr double idle_frames_a_second = 100;
  // A trusted proxy speaks for many clients: so much more of it is forgiven, and so many resets a
  // request that was answered.
  static constexpr double proxy_patience = 10;
  static constexpr double proxy_resets_a_request = 4;

  explicit FloodGuard(TimePoint now, bool proxy = false) noexcept
      : since_(now),
        patience_(proxy ? proxy_patience : 1),
        resets_a_request_(proxy ? proxy_resets_a_request : 1) {}

  // All return false when it is enough.

  // A request was given up before its answer began, or a stream was reset for the peer's fault.
  bool reset(TimePoint now) noexcept { return take_reset(now, 1); }
  // A request was given up amid its answer.
  bool cut(TimePoint now) noexcept { return take_reset(now, 0.25); }
  // A frame that moved nothing: SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty DATA, unknown ones.
  bool idle_frame(TimePoint now) noexcept {
    if (--idle_frames_ >= 0) return true;
    refill(now);
    return idle_frames_ >= 0;
  }

  // A request was answered whole: that pays for one that was given up.
  void answered() noexcept { resets_ = std::min(most(), resets_ + resets_a_request_); }
  // Content went one way or the other, or a request was opened: that brings a few idle frames
  // along.
  void useful_frame() noexcept { idle_frames_ = std::min(most_idle_frames, idle_frames_ + 4); }
  // The peer is sent away: what it may still do until then.
  void begin_farewell() noexcept {
    resets_ = most_resets;
    idle_frames_ = most_idle_frames;
  }

 private:
  double most() const noexcept { return most_resets * patience_; }
  bool take_reset(TimePoint now, double cost) noexcept {
    refill(now);
    resets_ -= cost;
    return resets_ >= 0;
  }
  void refill(TimePoint now) noexcept {
    const double seconds = std::chrono::duration<double>(now - since_).count();
    since_ = now;
    resets_ = std::min(most(), resets_ + seconds * resets_a_second * patience_);
    idle_frames_ = std::min(most_idle_frames, idle_frames_ + seconds * idle_frames_a_second);
  }

  TimePoint since_;
  double patience_;
  double resets_a_request_;
  double resets_ = most_resets * patience_;
  double idle_frames_ = most_idle_frames;
};

}  // namespace weir::codec::h2
