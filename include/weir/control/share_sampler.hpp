// Picks a share of what passes: of any n from the start n * share, and less than two off, at places
// that no pattern of callers meets by accident. One a worker; one thread. Pure: the chance comes
// from the seed.
#pragma once

#include <cstdint>

namespace weir::control {

class ShareSampler {
 public:
  // `share` is 0..1, exact to 2^-32.
  ShareSampler(double share, std::uint64_t seed) noexcept;

  // Whether the next one is of the share.
  bool pick() noexcept;

 private:
  // The share's way is walked in strides of one unit, each with one mark somewhere: who steps over
  // it is picked.
  static constexpr std::int64_t unit = std::int64_t{1} << 32;
  std::int64_t next_mark() noexcept;

  std::int64_t step_;
  std::int64_t position_ = 0;  // from the start of the stride whose mark is next
  std::uint64_t state_;
  std::int64_t mark_;  // 1..unit
  unsigned due_ = 0;   // marks that were passed, less those picked for: two may be near
};

}  // namespace weir::control
