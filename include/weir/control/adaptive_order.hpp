// In which order those who wait are served: the oldest first, and under overload the newest first,
// whose callers are still there and have time left. Overload, after CoDel's idea, is that the
// oldest has waited longer than `long_wait` all the time for `patience`; it is over when nobody
// waits. Pure; one a queue.
#pragma once

#include "weir/base/time.hpp"

namespace weir::control {

class AdaptiveOrder {
 public:
  static constexpr Duration patience = std::chrono::milliseconds(100);

  // `long_wait` is above 0.
  explicit AdaptiveOrder(Duration long_wait) noexcept : long_wait_(long_wait) {}

  void set_long_wait(Duration long_wait) noexcept { long_wait_ = long_wait; }

  // To be told whenever who waits has changed, and before anybody is served. `oldest`: since when
  // the one has waited that waits longest; max() when nobody waits.
  void look(TimePoint now, TimePoint oldest) noexcept {
    if (oldest == TimePoint::max()) {
      newest_first_ = false;
      long_since_ = no_deadline;
    } else if (now - oldest <= long_wait_) {
      long_since_ = no_deadline;
    } else {
      // It was so before anybody looked, and the oldest was this one, or one that waited longer.
      const TimePoint began = oldest + long_wait_;
      if (began < long_since_) long_since_ = began;
      if (now - long_since_ >= patience) newest_first_ = true;
    }
  }

  bool newest_first() const noexcept { return newest_first_; }

 private:
  Duration long_wait_;
  TimePoint long_since_ = no_deadline;  // the oldest has waited too long since then
  bool newest_first_ = false;
};

}  // namespace weir::control
