// Which part of the traffic each tier of endpoints takes, and where there is so little health left
// that it is better not to look at it. Pure.
//
// A tier is all endpoints of one priority. It takes min(100 %, 1.4 * its healthy share), so losing
// up to 2/7 of it moves nothing; the rest spills to the next tier. Where all tiers together cannot
// take everything, they divide it by what each can take.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace weir::control {

// Numbers of endpoints. Those of weight 0 have no part in the traffic and count nowhere.
struct TierHealth {
  std::uint32_t listed = 0;
  std::uint32_t ready = 0;    // of these, not drained or taken down by an operator
  std::uint32_t healthy = 0;  // of the ready ones, those that checks and ejection leave in use
};

struct TierShare {
  double share = 0;    // of the traffic, 0..1
  bool panic = false;  // its health is ignored: all ready endpoints are used
};

// In the order of `tiers`, the preferred first; the shares add up to 1, or to 0 if nothing can be
// used. A tier panics if fewer than `panic_threshold` (0..1; 0: never) of its ready endpoints are
// healthy, unless others make up for it: they are not so short themselves, and all tiers together
// can take the whole traffic.
std::vector<TierShare> tier_shares(std::span<const TierHealth> tiers, double panic_threshold);

// Whose turn it is, by these shares: evenly spread, without randomness. A little state, one a
// worker.
class TierTurns {
 public:
  // `worker` of `workers` begins at its own place.
  void reset(std::span<const TierShare> shares, unsigned worker, unsigned workers);
  void change(std::span<const TierShare> shares);

  // The next request's tier; `moves` false: the one after gets the same answer. 0 with no tier.
  std::size_t next(bool moves) noexcept {
    if (ends_.size() < 2) [[likely]]
      return 0;
    const std::uint32_t at = place_;
    if (moves) place_ += golden;
    return at_place(at);
  }
  // The tier of a caller who stands at `place` of 2^32; the same in every worker.
  std::size_t at_place(std::uint32_t place) const noexcept;

 private:
  // 2^32 over the golden ratio: multiples of it lie evenly on the circle.
  static constexpr std::uint32_t golden = 0x9e3779b9;

  std::vector<std::uint64_t> ends_;  // running sums, of 2^32
  std::uint32_t place_ = 0;
};

}  // namespace weir::control
