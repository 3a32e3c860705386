// A share of all callers for each option: who has the same place gets the same option, in every
// process that has the same weights. Const after construction; no allocation in pick().
//
// The places are a line of 2^32. Each option but the first owns a part of it that grows from an
// anchor of its own, and the first option has what is left. So when weights change
//  - nobody moves between two options whose shares did not shrink, nor grow;
//  - with two or three options a caller leaves any but the first only if its share shrank, and
//    joins any but the first only if its share grew: raising the second from 10 to 20 % at the
//    first one's cost moves a tenth of the callers, from the first to the second;
//  - from four options on the same holds until a growing part meets another one's, which then
//    moves on behind it.
// The first option is the one that gives and takes: write the stable one there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir::control {

class StickySplit {
 public:
  using Place = std::uint32_t;

  // Shares are exact to 2^-32 of the whole; an option of weight 0 is never picked. With a sum of 0
  // the first option is always picked.
  explicit StickySplit(std::span<const std::uint32_t> weights);

  // The index of the option that owns `place`.
  std::size_t pick(Place place) const noexcept;

 private:
  struct Run {
    Place last;  // of its places
    std::uint32_t option;
  };
  std::vector<Run> runs_;  // by place, the whole line
};

}  // namespace weir::control
