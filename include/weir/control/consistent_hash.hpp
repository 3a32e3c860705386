// The same caller, the same endpoint: rendezvous hashing by weight, with bounded load. A key gives
// every endpoint a score, and takes the one with the best score; its other endpoints follow in the
// order of theirs. So when one of n endpoints comes or goes, only its own keys move, 1/n of all,
// evenly to and from the others; when a weight changes, only as many as its share changed by.
// A table (a ring, Maglev) would find the endpoint faster, but holds each share only roughly and
// must be made anew with each change of a weight; n multiplications are cheap for the n of a
// gateway. Every process scores alike. Pure; no allocation after reset().
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace weir::control {

class ConsistentHash {
 public:
  // Below this number of requests an endpoint is never too full.
  static constexpr std::uint64_t least_bound = 8;

  // What stands for an endpoint of this address, today and in every other process.
  static std::uint64_t id_of(std::string_view address) noexcept;

  // As many ids as weights.
  void reset(std::span<const std::uint32_t> weights, std::span<const std::uint64_t> ids);

  // The first endpoint in the key's order that is eligible and has fewer requests than its bound:
  // `bounded_load` (above 1; 0: no bound) times its share of the requests of all eligible ones,
  // with this one, rounded up. There always is one if any is eligible. `load(i)`: requests in
  // flight.
  template <class Eligible, class Load>
  std::optional<std::size_t> pick(std::uint64_t key, double bounded_load, Eligible&& eligible,
                                  Load&& load) const;

  // How high `key` scores with endpoint i; the lowest value is the best.
  double score(std::uint64_t key, std::size_t i) const noexcept;

 private:
  template <class Eligible>
  std::optional<std::size_t> best(std::uint64_t key, Eligible&& eligible) const;

  std::vector<std::uint32_t> weights_;
  std::vector<std::uint64_t> ids_;
  bool equal_ = true;
};

template <class Eligible>
std::optional<std::size_t> ConsistentHash::best(std::uint64_t key, Eligible&& eligible) const {
  std::optional<std::size_t> found;
  double lowest = 0;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    if (weights_[i] == 0) continue;
    const double its = score(key, i);
    if ((found && its >= lowest) || !eligible(i)) continue;
    found = i;
    lowest = its;
  }
  return found;
}

template <class Eligible, class Load>
std::optional<std::size_t> ConsistentHash::pick(std::uint64_t key, double bounded_load,
                                                Eligible&& eligible, Load&& load) const {
  const std::optional<std::size_t> first = best(key, eligible);
  if (!first || bounded_load == 0 || load(*first) < least_bound) return first;
  double requests = 1;
  double weights = 0;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    if (weights_[i] == 0 || !eligible(i)) continue;
    requests += static_cast<double>(load(i));
    weights += weights_[i];
  }
  const double part = bounded_load * requests / weights;
  const auto has_room = [&](std::size_t i) {
    const double most = std::max(static_cast<double>(least_bound), std::ceil(part * weights_[i]));
    return static_cast<double>(load(i)) < most;
  };
  if (has_room(*first)) return first;
  const auto next = best(key, [&](std::size_t i) { return eligible(i) && has_room(i); });
  return next ? next : first;
}

}  // namespace weir::control
