// When to act on things that happen in bursts, such as the writes of an editor: after a silence,
// and after some time even if there is none. Pure: time is an argument.
#pragma once

#include <algorithm>
#include <optional>

#include "weir/base/time.hpp"

namespace weir::control {

class Debounce {
 public:
  constexpr Debounce(Duration silence, Duration most) noexcept : silence_(silence), most_(most) {}

  // Something has happened. When to act, unless more happens before.
  TimePoint happened(TimePoint now) noexcept {
    if (!first_) first_ = now;
    return std::min(now + silence_, *first_ + most_);
  }
  // Whether something has happened since the last acted().
  bool pending() const noexcept { return first_.has_value(); }
  void acted() noexcept { first_.reset(); }

 private:
  Duration silence_;
  Duration most_;
  std::optional<TimePoint> first_;  // of the burst
};

}  // namespace weir::control
