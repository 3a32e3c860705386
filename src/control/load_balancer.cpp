#include "weir/control/load_balancer.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace weir::control {
namespace {

constexpr std::int64_t no_balancer_weight = 0;

}  // namespace

// Without a turn for anybody yet.
void RoundRobin::take(std::span<const std::uint32_t> weights) {
  weights_.assign(weights.begin(), weights.end());
  credit_.assign(weights.size(), 0);
  next_ = 0;
  equal_ = true;
  std::int64_t first = 0;
  std::int64_t divisor = 0;
  for (const std::int64_t weight : weights_) {
    if (weight == 0) continue;
    if (first == 0) first = weight;
    if (weight != first) equal_ = false;
    divisor = std::gcd(divisor, weight);
  }
  if (equal_ || divisor == 0) return;
  for (std::int64_t& weight : weights_) weight /= divisor;
}

void RoundRobin::reset(std::span<const std::uint32_t> weights, unsigned worker, unsigned workers) {
  take(weights);
  if (weights_.empty() || workers == 0) return;
  if (equal_) {
    next_ = weights_.size() * (worker % workers) / workers;
    return;
  }
  const std::int64_t round = std::accumulate(weights_.begin(), weights_.end(), std::int64_t{0});
  // An offset into the round; a bounded one, as finding it takes that many picks.
  const std::int64_t offset = std::min<std::int64_t>(round, 256) * (worker % workers) / workers;
  for (std::int64_t n = 0; n < offset; ++n) (void)pick([](std::size_t) { return true; });
}

void RoundRobin::change(std::span<const std::uint32_t> weights, Places before) {
  const std::vector<std::int64_t> credit = std::exchange(credit_, {});
  const std::size_t next = next_;
  const bool was_equal = equal_;
  const std::int64_t round_before =
      std::accumulate(weights_.begin(), weights_.end(), no_balancer_weight);
  take(weights);
  if (weights_.empty()) return;
  if (!was_equal && !equal_) {
    // In parts of a round: weights that are written larger do not owe anybody less.
    const std::int64_t round =
        std::accumulate(weights_.begin(), weights_.end(), no_balancer_weight);
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (before[i] == is_new) continue;
      const double part =
          static_cast<double>(credit[before[i]]) / static_cast<double>(round_before);
      credit_[i] = std::llround(part * static_cast<double>(round));
    }
    return;
  }
  // Who was next, or whoever of those that are still there came first behind it.
  const auto was_next = [&]() -> std::size_t {
    if (was_equal) return next;
    const auto most = std::ranges::max_element(credit);
    return most == credit.end() ? 0 : static_cast<std::size_t>(most - credit.begin());
  };
  const std::size_t from = was_next();
  std::size_t nearest = credit.size();
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] == is_new) continue;
    const std::size_t distance = (before[i] + credit.size() - from) % credit.size();
    if (distance >= nearest) continue;
    nearest = distance;
    next_ = i;
  }
  if (!equal_) credit_[next_] = std::ranges::max(weights_);
}

void LeastRequests::reset(std::span<const std::uint32_t> weights, unsigned worker,
                          unsigned workers) {
  weights_.assign(weights.begin(), weights.end());
  loads_.assign(weights.size(), 0);
  in_reach_.assign(weights.size(), false);
  ties_.reset(weights, worker, workers);
}

void LeastRequests::change(std::span<const std::uint32_t> weights, Places before) {
  weights_.assign(weights.begin(), weights.end());
  loads_.assign(weights.size(), 0);
  in_reach_.assign(weights.size(), false);
  ties_.change(weights, before);
}

void RandomTwo::reset(std::span<const std::uint32_t> weights, std::uint64_t seed) {
  weights_.assign(weights.begin(), weights.end());
  ends_.resize(weights.size());
  std::inclusive_scan(weights_.begin(), weights_.end(), ends_.begin());
  state_ = seed;
}

// SplitMix64: a counter through a mixing function; any seed does.
std::uint64_t RandomTwo::random() noexcept {
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::size_t RandomTwo::draw(std::uint64_t below_total) const noexcept {
  return static_cast<std::size_t>(std::ranges::upper_bound(ends_, below_total) - ends_.begin());
}

}  // namespace weir::control
