// How much a peer may make us do for nothing: resets, whoever sends them, and frames that move
// nothing. Buckets that refill with time, and with what is useful. Pure; any thread.
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

  explicit FloodGuard(TimePoint now) noexcept : since_(now) {}

  // All return false when it is enough.
  bool reset(TimePoint now) noexcept {
    refill(now);
    return --resets_ >= 0;
  }
  // A frame that moved nothing: SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty DATA, unknown ones.
  bool idle_frame(TimePoint now) noexcept {
    if (--idle_frames_ >= 0) return true;
    refill(now);
    return idle_frames_ >= 0;
  }
  // Content went one way or the other, or a request was opened: that brings a few of them along.
  void useful_frame() noexcept { idle_frames_ = std::min(most_idle_frames, idle_frames_ + 4); }

 private:
  void refill(TimePoint now) noexcept {
    const double seconds = std::chrono::duration<double>(now - since_).count();
    since_ = now;
    resets_ = std::min(most_resets, resets_ + seconds * resets_a_second);
    idle_frames_ = std::min(most_idle_frames, idle_frames_ + seconds * idle_frames_a_second);
  }

  TimePoint since_;
  double resets_ = most_resets;
  double idle_frames_ = most_idle_frames;
};

}  // namespace weir::codec::h2
