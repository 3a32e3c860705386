// How many requests an endpoint may have at a time, from the gradient of its latency: the ratio of
// the long-term minimum to the latency of now. Each window
//
//     limit = limit * min(1, tolerance * minimum / median) + sqrt(limit)
//
// with the ratio at least a half. The square root is the head room: so many requests may queue at
// the endpoint, which is how more of its capacity is found. Pure.
//
// At first, until the ratio falls below 1 once, the limit doubles. It grows only where it is used:
// at least half of it was in flight. It does not shrink where no more than `min` was.
#pragma once

#include <cstdint>

#include "weir/control/latency_tally.hpp"

namespace weir::control {

struct GradientPolicy {
  std::uint64_t min = 10;    // at least 1
  std::uint64_t max = 1000;  // at least min

  friend bool operator==(const GradientPolicy&, const GradientPolicy&) = default;
};

class GradientLimit {
 public:
  // An endpoint that serves a full house takes a bit longer than an idle one, without a queue.
  static constexpr double tolerance = 1.25;
  static constexpr double least_ratio = 0.5;

  // Begins at `min`, where the minimum is measured.
  explicit GradientLimit(GradientPolicy policy) noexcept
      : policy_(policy), limit_(static_cast<double>(policy.min)) {}

  std::uint64_t limit() const noexcept { return static_cast<std::uint64_t>(limit_); }
  // A window has ended. `least`: the long-term minimum, above zero.
  void window(Duration least, const LatencyFigures& figures) noexcept;

 private:
  GradientPolicy policy_;
  double limit_;
  bool doubles_ = true;
};

}  // namespace weir::control
