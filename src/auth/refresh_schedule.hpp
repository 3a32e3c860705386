// When an issuer's keys are fetched: pure, every decision takes `now`.
#pragma once

#include <optional>

#include "weir/base/time.hpp"

namespace weir::auth {

class RefreshSchedule {
 public:
  // What the answer's max-age is brought into; without one it is `usual`.
  static constexpr Duration shortest = std::chrono::minutes(1);
  static constexpr Duration longest = std::chrono::hours(24);
  static constexpr Duration usual = std::chrono::minutes(5);
  // Between fetches that tokens with an unknown key ask for: anybody can send those.
  static constexpr Duration between_asked = std::chrono::seconds(30);
  static constexpr Duration first_retry = std::chrono::seconds(1);
  static constexpr Duration last_retry = std::chrono::minutes(1);

  // The first fetch is due at once.
  explicit RefreshSchedule(TimePoint now) noexcept : due_(now) {}

  TimePoint due() const noexcept { return running_ ? TimePoint::max() : due_; }
  // REQUIRES: running_or_due(now).
  void started() noexcept {
    running_ = true;
    asked_ = false;
  }
  void succeeded(TimePoint now, std::optional<Duration> max_age) noexcept;
  // Tries again after a second, then twice as long each time up to a minute.
  void failed(TimePoint now) noexcept;

  // A token names a key that is not there. True when a fetch runs or is due, which may bring it.
  bool asked(TimePoint now) noexcept;
  bool running() const noexcept { return running_; }
  // A fetch runs, is due, or was asked for. The latter whatever `now` is: each worker reads the
  // clock once in a turn of its loop, so that one worker's `now` may be before another's question.
  bool running_or_due(TimePoint now) const noexcept { return running_ || asked_ || due_ <= now; }

 private:
  TimePoint due_;
  TimePoint next_asked_ = TimePoint::min();
  Duration retry_ = first_retry;
  bool running_ = false;
  bool asked_ = false;
};

}  // namespace weir::auth
