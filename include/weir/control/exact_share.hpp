// Picks a share of requests, the lowest priorities first and critical ones never: as many as the
// share asks for, of all that pass, not of those that may be picked. Pure: the chance comes from
// the seed. Not synchronised.
//
// The mix of priorities is that of the last 512 requests. It says which priority the share ends in:
// all below that one are picked, none above, and of that one as many as are still due. Where the
// mix changes faster than that, up to 32 may be picked early or late, and only beyond that a higher
// priority stands in for a lower one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "weir/base/priority.hpp"
#include "weir/control/share_sampler.hpp"

namespace weir::control {

class ExactShare {
 public:
  static constexpr std::size_t remembered = 512;
  static constexpr int slack = 32;

  // `share`: above 0, at most 1.
  ExactShare(double share, std::uint64_t seed) noexcept : share_(share), sampler_(share, seed) {}

  // A request while nobody is picked: the mix is learnt.
  void note(Priority priority) noexcept;
  // Whether this request is picked. Of any n since restart() it is n * share, less than two off
  // with one priority, and less than `slack` and two off with several; fewer where too many are
  // critical.
  bool pick(Priority priority) noexcept;
  void restart() noexcept { due_ = 0; }

 private:
  // The priority in which the share ends; critical: there are fewer below it than the share.
  Priority last_picked() const noexcept;

  double share_;
  ShareSampler sampler_;
  int due_ = 0;  // to be picked; negative: so many were picked early
  std::array<std::uint8_t, remembered> mix_{};
  std::size_t next_ = 0;
  std::size_t known_ = 0;
  std::array<std::uint32_t, priority_count> counts_{};  // in mix_
};

}  // namespace weir::control
