// When the requests of a stream are due: by the clock alone, whatever became of those before (open
// loop). Pure; the caller brings the time.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

#include "weir/base/time.hpp"

namespace weir::bench {

enum class Arrivals : std::uint8_t {
  even,     // the same gap between any two
  poisson,  // random gaps, as of many clients who know nothing of one another
};

class Schedule {
 public:
  // `rate` requests a second, 0 for none, from `begin` on, before `begin + length`. Of even
  // arrivals the first is due after `phase` (0 to 1) of a gap, so that two streams of the same rate
  // need not coincide; random ones follow from `seed`.
  Schedule(double rate, double phase, Arrivals arrivals, TimePoint begin, Duration length,
           std::uint64_t seed)
      : gap_(rate > 0 ? 1e9 / rate : 0),
        phase_(phase),
        arrivals_(arrivals),
        begin_(begin),
        length_(length),
        random_(seed) {
    if (gap_ == 0) {
      due_ = no_deadline;
    } else {
      place();
    }
  }

  // When the next one is due; no_deadline when no more comes.
  TimePoint due() const noexcept { return due_; }
  // That one was sent, or given up. REQUIRES: due() is not no_deadline.
  void advance() noexcept {
    ++number_;
    place();
  }

 private:
  void place() noexcept {
    double after = 0;  // nanoseconds
    if (arrivals_ == Arrivals::even) {
      // From the number, not from the one before: rounding does not add up.
      after = (static_cast<double>(number_) + phase_) * gap_;
    } else {
      // 53 random bits, from 0 to just below 1.
      const double share = static_cast<double>(random_() >> 11) * 0x1p-53;
      after = random_after_ += -std::log1p(-share) * gap_;
    }
    const Duration offset(std::llround(after));
    due_ = offset < length_ ? begin_ + offset : no_deadline;
  }

  const double gap_;  // nanoseconds
  const double phase_;
  const Arrivals arrivals_;
  const TimePoint begin_;
  const Duration length_;
  std::mt19937_64 random_;
  double random_after_ = 0;
  std::uint64_t number_ = 0;
  TimePoint due_{};
};

}  // namespace weir::bench
