#include "weir/control/exact_share.hpp"

#include <algorithm>

namespace weir::control {

void ExactShare::note(Priority priority) noexcept {
  std::uint8_t& place = mix_[next_];
  if (known_ == remembered) {
    --counts_[place];
  } else {
    ++known_;
  }
  place = static_cast<std::uint8_t>(priority);
  ++counts_[place];
  next_ = (next_ + 1) % remembered;
}

bool ExactShare::pick(Priority priority) noexcept {
  note(priority);
  if (sampler_.pick()) due_ = std::min(due_ + 1, slack);
  if (priority == Priority::critical) return false;
  const Priority last = last_picked();
  const int least = priority == last ? 1 : priority < last ? 1 - slack : slack;
  if (due_ < least) return false;
  --due_;
  return true;
}

Priority ExactShare::last_picked() const noexcept {
  const double wanted = share_ * static_cast<double>(known_);
  double below = 0;
  for (std::uint8_t i = 0; i + 1U < priority_count; ++i) {
    below += counts_[i];
    if (below >= wanted) return static_cast<Priority>(i);
  }
  return Priority::critical;
}

}  // namespace weir::control
