// Which of some candidates takes the next request: round robin, least requests, the better of two.
// Pure choices with a little state, one set a worker and cluster, so nothing is shared; `eligible`
// and `load` are asked only about candidates that matter. No allocation after reset().
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace weir::control {

// Candidates are indices below the number of weights. Weight 0 is never picked.

// Whether a pick counts: one that `stays` leaves the next pick as if it had not been made.
enum class Turn : std::uint8_t { moves, stays };

// Of each candidate after reset(): its index before it, or `is_new`.
using Places = std::span<const std::size_t>;
inline constexpr std::size_t is_new = ~std::size_t{0};

// Smooth weighted round robin: over W picks with all eligible each has exactly its weight, spread
// out. Those who are not eligible leave their share to the others.
class RoundRobin {
 public:
  // `worker` of `workers` begins at its own offset, so that they do not march in step.
  void reset(std::span<const std::uint32_t> weights, unsigned worker, unsigned workers);
  // The same for other candidates; those that were there before keep their turn.
  void change(std::span<const std::uint32_t> weights, Places before);

  template <class Eligible>
  std::optional<std::size_t> pick(Eligible&& eligible, Turn turn = Turn::moves);

 private:
  void take(std::span<const std::uint32_t> weights);

  std::vector<std::int64_t> weights_;
  std::vector<std::int64_t> credit_;
  std::size_t next_ = 0;
  bool equal_ = true;
};

// The lowest load per weight; among equals weighted round robin.
class LeastRequests {
 public:
  void reset(std::span<const std::uint32_t> weights, unsigned worker, unsigned workers);
  void change(std::span<const std::uint32_t> weights, Places before);

  // `load(i)`: requests in flight.
  template <class Eligible, class Load>
  std::optional<std::size_t> pick(Eligible&& eligible, Load&& load, Turn turn = Turn::moves);

 private:
  std::vector<std::uint64_t> weights_;
  std::vector<std::uint64_t> loads_;  // of this pick
  std::vector<bool> in_reach_;        // of this pick
  RoundRobin ties_;
};

// Two drawn by weight, the one with the lower load per weight.
class RandomTwo {
 public:
  // Equal seeds draw the same.
  void reset(std::span<const std::uint32_t> weights, std::uint64_t seed);
  void change(std::span<const std::uint32_t> weights) { reset(weights, state_); }

  template <class Eligible, class Load>
  std::optional<std::size_t> pick(Eligible&& eligible, Load&& load);

 private:
  std::uint64_t random() noexcept;
  std::size_t draw(std::uint64_t below_total) const noexcept;

  std::vector<std::uint64_t> weights_;
  std::vector<std::uint64_t> ends_;  // running sums
  std::uint64_t state_ = 0;
};

// a/wa < b/wb without rounding, for loads below 2^32.
constexpr bool lighter(std::uint64_t load_a, std::uint64_t weight_a, std::uint64_t load_b,
                       std::uint64_t weight_b) noexcept {
  return load_a * weight_b < load_b * weight_a;
}

template <class Eligible>
std::optional<std::size_t> RoundRobin::pick(Eligible&& eligible, Turn turn) {
  const std::size_t count = weights_.size();
  if (equal_) {
    std::size_t next = next_;
    for (std::size_t tried = 0; tried < count; ++tried) {
      const std::size_t i = next;
      next = next + 1 == count ? 0 : next + 1;
      if (weights_[i] == 0 || !eligible(i)) continue;
      if (turn == Turn::moves) next_ = next;
      return i;
    }
    return std::nullopt;
  }
  if (turn == Turn::stays) {
    std::optional<std::size_t> next;
    for (std::size_t i = 0; i < count; ++i) {
      if (weights_[i] == 0 || !eligible(i)) continue;
      if (!next || credit_[i] + weights_[i] > credit_[*next] + weights_[*next]) next = i;
    }
    return next;
  }
  std::optional<std::size_t> best;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (weights_[i] == 0 || !eligible(i)) continue;
    credit_[i] += weights_[i];
    total += weights_[i];
    if (!best || credit_[i] > credit_[*best]) best = i;
  }
  if (best) credit_[*best] -= total;
  return best;
}

template <class Eligible, class Load>
std::optional<std::size_t> LeastRequests::pick(Eligible&& eligible, Load&& load, Turn turn) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    in_reach_[i] = weights_[i] != 0 && eligible(i);
    if (!in_reach_[i]) continue;
    loads_[i] = load(i);
    if (!best || lighter(loads_[i], weights_[i], loads_[*best], weights_[*best])) best = i;
  }
  if (!best) return best;
  const std::size_t least = *best;
  return ties_.pick(
      [this, least](std::size_t i) {
        return in_reach_[i] && !lighter(loads_[least], weights_[least], loads_[i], weights_[i]);
      },
      turn);
}

template <class Eligible, class Load>
std::optional<std::size_t> RandomTwo::pick(Eligible&& eligible, Load&& load) {
  const std::size_t count = weights_.size();
  if (ends_.empty() || ends_.back() == 0) return std::nullopt;
  const std::size_t first = draw(random() % ends_.back());
  // The second is drawn from what the first leaves.
  std::size_t second = first;
  if (const std::uint64_t rest = ends_.back() - weights_[first]; rest != 0) {
    std::uint64_t at = random() % rest;
    if (at >= ends_[first] - weights_[first]) at += weights_[first];
    second = draw(at);
  }
  const bool first_ok = eligible(first);
  const bool second_ok = second != first && eligible(second);
  if (first_ok && second_ok) {
    return lighter(load(second), weights_[second], load(first), weights_[first]) ? second : first;
  }
  if (first_ok) return first;
  if (second_ok) return second;
  // Rare: look at all of them, from somewhere.
  std::optional<std::size_t> best;
  std::uint64_t best_load = 0;
  for (std::size_t n = 0; n < count; ++n) {
    const std::size_t i = (second + n) % count;
    if (weights_[i] == 0 || i == first || i == second || !eligible(i)) continue;
    const std::uint64_t its = load(i);
    if (best && !lighter(its, weights_[i], best_load, weights_[*best])) continue;
    best = i;
    best_load = its;
  }
  return best;
}

}  // namespace weir::control
