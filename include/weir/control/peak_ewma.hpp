// The endpoint whose answers are quickest for the requests that it has: latency times requests in
// flight. The latency is an average that forgets (ten seconds), but rises at once when an answer
// takes longer; so a slow endpoint is left alone after its first slow answer, and is tried again
// when that is forgotten. Pure, with a little state, one set a worker; no allocation after reset().
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "weir/base/time.hpp"
#include "weir/control/load_balancer.hpp"

namespace weir::control {

// How long an endpoint takes to answer, as one worker sees it.
class PeakLatency {
 public:
  static constexpr Duration decay = std::chrono::seconds(10);

  void answered(TimePoint now, Duration took) noexcept;
  // Who fails fast must not look fast: as if it had taken ten times as long as usual, at least
  // 100 ms and `took`, at most ten seconds.
  void failed(TimePoint now, Duration took) noexcept;

  // Seconds; it falls while nothing is heard. 0: nothing is known.
  double at(TimePoint now) const noexcept;

 private:
  double seconds_ = 0;
  TimePoint heard_{};
};

class PeakEwma {
 public:
  void reset(std::span<const std::uint32_t> weights, unsigned worker, unsigned workers);
  void change(std::span<const std::uint32_t> weights, Places before);

  // The cost of a candidate is latency * (1 + requests in flight for an average weight). Among
  // those that cost at most half as much again as the cheapest: weighted round robin. A latency
  // that is not known (0) counts as the lowest one. `load(i)`: requests in flight; `latency(i)`:
  // seconds.
  template <class Eligible, class Load, class Latency>
  std::optional<std::size_t> pick(Eligible&& eligible, Load&& load, Latency&& latency,
                                  Turn turn = Turn::moves);

 private:
  static constexpr double as_cheap = 1.5;

  void take(std::span<const std::uint32_t> weights);

  std::vector<double> shares_;     // weight over the average weight; 0: none
  std::vector<double> latencies_;  // of this pick, then the costs
  std::vector<bool> in_reach_;     // of this pick
  RoundRobin ties_;
};

template <class Eligible, class Load, class Latency>
std::optional<std::size_t> PeakEwma::pick(Eligible&& eligible, Load&& load, Latency&& latency,
                                          Turn turn) {
  double quickest = 0;
  bool any = false;
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    in_reach_[i] = shares_[i] != 0 && eligible(i);
    if (!in_reach_[i]) continue;
    any = true;
    latencies_[i] = latency(i);
    if (latencies_[i] != 0 && (quickest == 0 || latencies_[i] < quickest)) quickest = latencies_[i];
  }
  if (!any) return std::nullopt;
  if (quickest == 0) quickest = 1;
  double cheapest = 0;
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    if (!in_reach_[i]) continue;
    double& cost = latencies_[i];
    if (cost == 0) cost = quickest;
    cost *= 1 + static_cast<double>(load(i)) / shares_[i];
    if (cheapest == 0 || cost < cheapest) cheapest = cost;
  }
  return ties_.pick(
      [&](std::size_t i) { return in_reach_[i] && latencies_[i] <= cheapest * as_cheap; }, turn);
}

}  // namespace weir::control
