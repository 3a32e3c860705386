#include "weir/control/weighted_split.hpp"

#include <algorithm>
#include <numeric>

namespace weir::control {

WeightedSplit::WeightedSplit(std::span<const std::uint32_t> weights) {
  std::uint64_t sum = 0;
  std::uint64_t divisor = 0;
  for (const std::uint32_t weight : weights) {
    sum += weight;
    divisor = std::gcd(divisor, std::uint64_t{weight});
  }
  if (divisor == 0) divisor = 1;
  // Products of two sums must fit: past that, shares are scaled, and none to nothing.
  constexpr std::uint64_t most = 0xffff'ffff;
  while (sum / divisor > most - weights.size()) ++divisor;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    const std::uint64_t weight = std::max<std::uint64_t>(weights[i] / divisor, 1);
    shares_.push_back({.weight = weight, .index = i});
    total_ += weight;
  }
  if (shares_.empty()) {
    shares_.push_back({.weight = 1});
    total_ = 1;
  }
  begin_round();
}

void WeightedSplit::begin_round() noexcept {
  turn_ = 0;
  for (Share& share : shares_) {
    share.served = 0;
    share.release = 0;
    share.due = (total_ + share.weight - 1) / share.weight;
  }
}

// Earliest due first among the released. Each unit of an option is released when its share of the
// round begins and due when it ends; as the shares fill the round exactly, no unit is ever late,
// and late or early is what would put an option a whole pick away from its share.
std::size_t WeightedSplit::pick() noexcept {
  if (shares_.size() == 1) return shares_.front().index;
  Share* best = nullptr;
  for (Share& share : shares_) {
    if (share.release > turn_) continue;
    if (best == nullptr || share.due < best->due) best = &share;
  }
  ++best->served;
  best->release = best->served * total_ / best->weight;
  best->due = ((best->served + 1) * total_ + best->weight - 1) / best->weight;
  const std::size_t index = best->index;
  if (++turn_ == total_) begin_round();
  return index;
}

}  // namespace weir::control
