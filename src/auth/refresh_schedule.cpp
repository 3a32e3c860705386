#include "auth/refresh_schedule.hpp"

#include <algorithm>

namespace weir::auth {

void RefreshSchedule::succeeded(TimePoint now, std::optional<Duration> max_age) noexcept {
  running_ = false;
  retry_ = first_retry;
  // Before the time is over, so that a key that is not valid any more never serves for long.
  due_ = now + std::clamp(max_age.value_or(usual), shortest, longest) * 4 / 5;
}

void RefreshSchedule::failed(TimePoint now) noexcept {
  running_ = false;
  due_ = now + retry_;
  retry_ = std::min(retry_ * 2, last_retry);
}

bool RefreshSchedule::asked(TimePoint now) noexcept {
  if (running_or_due(now)) return true;
  if (now < next_asked_) return false;
  next_asked_ = now + between_asked;
  due_ = now;
  asked_ = true;
  return true;
}

}  // namespace weir::auth
