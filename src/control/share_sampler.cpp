#include "weir/control/share_sampler.hpp"

#include <algorithm>
#include <cmath>

namespace weir::control {

ShareSampler::ShareSampler(double share, std::uint64_t seed) noexcept
    : step_(std::llround(std::clamp(share, 0.0, 1.0) * static_cast<double>(unit))),
      state_(seed),
      mark_(next_mark()) {}

// SplitMix64 (Steele, Lea, Flood 2014).
std::int64_t ShareSampler::next_mark() noexcept {
  state_ += 0x9E3779B97F4A7C15U;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
  mixed ^= mixed >> 31U;
  return 1 + static_cast<std::int64_t>(mixed >> 32U);
}

bool ShareSampler::pick() noexcept {
  position_ += step_;
  while (position_ >= mark_) {
    ++due_;
    position_ -= unit;
    mark_ = next_mark();
  }
  if (due_ == 0) return false;
  --due_;
  return true;
}

}  // namespace weir::control
