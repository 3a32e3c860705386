// How many requests an endpoint may have at a time, from what it should be able to take (`base`)
// and what is measured, after BBR's idea. Each second
//
//     allowed = min(base * load_factor, max(floor, last * (1 + idle_share)))
//
// load_factor  minimum / median: the part of an answer's time that is not spent in a queue. An
//              endpoint that takes twice as long as it needs gets half of `base`.
// idle_share   1 - (median - minimum) / minimum, at least 0: 1 while nothing queues, 0 when answers
//              take twice as long as they need. So what was lost comes back by doubling.
//
// So `floor` is what growth never starts below, and with which it begins; load_factor alone takes
// the limit below it, to 1 at least. Pure.
#pragma once

#include <cstdint>

#include "weir/base/time.hpp"

namespace weir::control {

struct HeuristicPolicy {
  std::uint64_t base = 1;
  std::uint64_t floor = 1;  // 1 to base

  friend bool operator==(const HeuristicPolicy&, const HeuristicPolicy&) = default;
};

class HeuristicLimit {
 public:
  // `least` is above zero.
  static double load_factor(Duration least, Duration median) noexcept;
  static double idle_share(Duration least, Duration median) noexcept;

  explicit HeuristicLimit(HeuristicPolicy policy) noexcept
      : policy_(policy), allowed_(static_cast<double>(policy.floor)) {}

  std::uint64_t limit() const noexcept { return static_cast<std::uint64_t>(allowed_); }
  // `seconds` have passed since the last time, with these figures. Whole ones count, and one at
  // least.
  void passed(double seconds, double load_factor, double idle_share) noexcept;

 private:
  HeuristicPolicy policy_;
  double allowed_;
};

}  // namespace weir::control
