// The rules against slow peers: in each period spent waiting for a peer at least 1 KiB must move,
// and after 20 s of waiting in all, so many bytes a second on average. Time in which nobody waits
// for it does not count. Pure.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "weir/base/time.hpp"

namespace weir::codec {

class Progress {
 public:
  static constexpr std::size_t least_bytes = 1024;
  // How long a peer may take before its average counts.
  static constexpr Duration patience = std::chrono::seconds(20);

  // A zero period never ends. `rate`: bytes a second, 0 for any.
  explicit Progress(Duration period, std::uint64_t rate = 0) noexcept
      : period_(period), left_(period), rate_(rate) {}

  // Until when a wait that begins at `now` may last.
  Deadline deadline(TimePoint now) const noexcept {
    const Deadline idle = period_ == Duration::zero() ? no_deadline : now + left_;
    if (rate_ == 0) return idle;
    return std::min(idle, now + (std::max(patience, earned()) - waited_));
  }
  void waited(Duration time) noexcept {
    left_ -= time;
    waited_ += time;
  }
  void moved(std::size_t bytes) noexcept {
    all_bytes_ += bytes;
    bytes_ += bytes;
    if (bytes_ < least_bytes) return;
    bytes_ = 0;
    left_ = period_;
  }

 private:
  // The time in which what has moved may have moved.
  Duration earned() const noexcept {
    constexpr double longest = 1e9;  // seconds
    const double seconds = static_cast<double>(all_bytes_) / static_cast<double>(rate_);
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(std::min(seconds, longest)));
  }

  Duration period_;
  Duration left_;
  std::size_t bytes_ = 0;
  std::uint64_t rate_;
  std::uint64_t all_bytes_ = 0;
  Duration waited_{};
};

}  // namespace weir::codec
