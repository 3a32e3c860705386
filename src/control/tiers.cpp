#include "weir/control/tiers.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace weir::control {
namespace {

// What a tier can take if `in` of `listed` endpoints are in use: min(1, 1.4 * share), exactly 1
// from 5 of 7 on.
double tier_takes(std::uint32_t in, std::uint32_t listed) noexcept {
  return listed == 0 ? 0.0 : std::min(1.0, 14.0 * in / (10.0 * listed));
}

// The first takes what it can, and so on; scaled up where that is not all.
void divide_traffic(std::span<const double> most, std::span<TierShare> out) {
  const double sum = std::accumulate(most.begin(), most.end(), 0.0);
  if (sum == 0) return;
  const double scale = sum < 1 ? 1 / sum : 1;
  double left = 1;
  for (std::size_t i = 0; i < most.size(); ++i) {
    out[i].share = std::min(left, most[i] * scale);
    left -= out[i].share;
  }
}

}  // namespace

std::vector<TierShare> tier_shares(std::span<const TierHealth> tiers, double panic_threshold) {
  std::vector<TierShare> out(tiers.size());
  std::vector<double> most;
  for (const TierHealth& tier : tiers) most.push_back(tier_takes(tier.healthy, tier.listed));
  const auto is_short = [&](const TierHealth& tier) {
    return tier.healthy < panic_threshold * tier.ready;
  };
  const double sum = std::accumulate(most.begin(), most.end(), 0.0);
  if (sum == 0) {
    // Nobody is healthy: whatever is ready, or nothing.
    if (panic_threshold == 0) return out;
    for (std::size_t i = 0; i < tiers.size(); ++i)
      most[i] = tier_takes(tiers[i].ready, tiers[i].listed);
    divide_traffic(most, out);
    for (TierShare& tier : out) tier.panic = tier.share > 0;
    return out;
  }
  divide_traffic(most, out);
  for (std::size_t i = 0; i < tiers.size(); ++i) {
    if (out[i].share == 0 || !is_short(tiers[i])) continue;
    bool others = false;
    for (std::size_t j = 0; j < tiers.size(); ++j) {
      others |= j != i && most[j] > 0 && !is_short(tiers[j]);
    }
    out[i].panic = !(others && sum >= 1);
  }
  return out;
}

void TierTurns::reset(std::span<const TierShare> shares, unsigned worker, unsigned workers) {
  change(shares);
  place_ = workers == 0 ? 0 : static_cast<std::uint32_t>((std::uint64_t{worker} << 32) / workers);
}

void TierTurns::change(std::span<const TierShare> shares) {
  ends_.clear();
  double sum = 0;
  for (const TierShare& tier : shares) {
    sum += tier.share;
    ends_.push_back(static_cast<std::uint64_t>(std::llround(sum * 4294967296.0)));
  }
}

std::size_t TierTurns::at_place(std::uint32_t place) const noexcept {
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    if (place < ends_[i]) return i;
  }
  return 0;
}

}  // namespace weir::control
