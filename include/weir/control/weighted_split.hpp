// An exact share for each option without a key: after n picks every option was picked n*w/W times,
// rounded up or down. One a worker, so over N workers an option is less than N away from n*w/W.
// Pure; no allocation after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir::control {

class WeightedSplit {
 public:
  // An option of weight 0 is never picked. Exact while the weights' sum is below 2^32, else they
  // are scaled down to it. With a sum of 0 the first option is always picked.
  explicit WeightedSplit(std::span<const std::uint32_t> weights);

  // The index of the option whose turn it is. REQUIRES: there is one.
  std::size_t pick() noexcept;

 private:
  // The next unit of an option may be served from pick `release` on and must be by `due`
  // (exclusive), both counted from the round's start.
  struct Share {
    std::uint64_t weight = 0;
    std::uint64_t served = 0;
    std::uint64_t release = 0;
    std::uint64_t due = 0;
    std::size_t index = 0;
  };
  void begin_round() noexcept;

  std::vector<Share> shares_;  // of the options above 0
  std::uint64_t total_ = 0;
  std::uint64_t turn_ = 0;
};

}  // namespace weir::control
