// Which requests are traced. Pure; any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>

namespace weir::control {

// A share of requests, each by chance of its own: traces have no rhythm that a client could know.
class TraceShare {
 public:
  TraceShare() = default;  // none
  // 0 to 1. One that is above 0 takes at least one request of 2^32.
  explicit TraceShare(double share) noexcept
      : below_(share <= 0 ? 0
               : share >= 1
                   ? whole
                   : std::clamp<std::uint64_t>(
                         static_cast<std::uint64_t>(std::llround(share * whole)), 1, whole)) {}

  // `random`: evenly anything.
  bool takes(std::uint64_t random) const noexcept { return (random >> 32) < below_; }

 private:
  static constexpr std::uint64_t whole = std::uint64_t{1} << 32;
  std::uint64_t below_ = 0;
};

// What a trusted peer has decided holds, so that a trace is whole or not there at all; what anybody
// else says is ignored, since strangers could fill the store of traces, or hide from it.
inline bool samples(bool is_trusted, std::optional<bool> told, TraceShare share,
                    std::uint64_t random) noexcept {
  if (is_trusted && told) return *told;
  return share.takes(random);
}

// What is exported at the end of a request though it was not sampled.
struct TraceKeep {
  bool errors = false;
  std::chrono::nanoseconds slower_than{};  // zero: nothing is slow

  bool any() const noexcept { return errors || slower_than.count() != 0; }
  bool takes(bool is_error, std::chrono::nanoseconds took) const noexcept {
    return (errors && is_error) || (slower_than.count() != 0 && took > slower_than);
  }
};

}  // namespace weir::control
