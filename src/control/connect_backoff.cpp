#include "weir/control/connect_backoff.hpp"

#include <algorithm>
#include <utility>

namespace weir::control {

std::optional<ConnectBackoff::Failure> ConnectBackoff::failure(TimePoint now) const {
  const TimePoint::rep seen = word_.load(std::memory_order_relaxed);
  if (seen == is_good || seen == is_untried) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const TimePoint::rep word = word_.load(std::memory_order_relaxed);
  if (word == is_good || word == is_untried) return std::nullopt;
  return Failure{cause_, std::max(Duration::zero(), TimePoint(Duration(word)) - now)};
}

bool ConnectBackoff::failed(TimePoint began, TimePoint now, std::string cause) {
  const std::lock_guard lock(mutex_);
  cause_ = std::move(cause);
  const TimePoint::rep word = word_.load(std::memory_order_relaxed);
  const bool was_usable = word == is_good || word == is_untried;
  if (!was_usable && began < TimePoint(Duration(word))) return false;
  pause_ = was_usable ? first_pause : std::min(2 * pause_, longest_pause);
  answers_.store(false, std::memory_order_relaxed);
  word_.store((now + pause_).time_since_epoch().count(), std::memory_order_relaxed);
  return was_usable;
}

bool ConnectBackoff::becomes_good() noexcept {
  const std::lock_guard lock(mutex_);
  answers_.store(false, std::memory_order_relaxed);
  return word_.exchange(is_good, std::memory_order_relaxed) != is_good;
}

}  // namespace weir::control
