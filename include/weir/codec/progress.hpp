// The rule against slow peers: in each period spent waiting for a peer at least 1 KiB must move.
// Time in which nobody waits for it does not count. Pure.
#pragma once

#include <cstddef>

#include "weir/base/time.hpp"

namespace weir::codec {

class Progress {
 public:
  static constexpr std::size_t least_bytes = 1024;

  // A zero period never ends.
  explicit Progress(Duration period) noexcept : period_(period), left_(period) {}

  // Until when a wait that begins at `now` may last.
  Deadline deadline(TimePoint now) const noexcept {
    return period_ == Duration::zero() ? no_deadline : now + left_;
  }
  void waited(Duration time) noexcept { left_ -= time; }
  void moved(std::size_t bytes) noexcept {
    bytes_ += bytes;
    if (bytes_ < least_bytes) return;
    bytes_ = 0;
    left_ = period_;
  }

 private:
  Duration period_;
  Duration left_;
  std::size_t bytes_ = 0;
};

}  // namespace weir::codec
