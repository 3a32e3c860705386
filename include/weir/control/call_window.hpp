// How the last calls ended: of the last N of them, or of the last T. Pure; not synchronised;
// bounded by its settings: a byte for each of N calls, ten counters for T. Owned by a
// CircuitBreaker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "weir/base/time.hpp"

namespace weir::control {

struct CallCounts {
  std::uint64_t calls = 0;
  std::uint64_t failed = 0;
  std::uint64_t slow = 0;  // failed or not

  friend bool operator==(const CallCounts&, const CallCounts&) = default;
};

class CallWindow {
 public:
  // In steps of a tenth of `time`: what is counted is never older than that and, under steady
  // traffic, reaches back nine tenths of it. With `last_calls` above 0 time has no say.
  CallWindow(Duration time, std::uint32_t last_calls);

  // A `now` before the one of an earlier call counts as that.
  void add(TimePoint now, bool failed, bool slow) noexcept;
  // What is in the window at `now`.
  CallCounts counts(TimePoint now) noexcept;
  void clear() noexcept;

 private:
  static constexpr std::size_t steps = 10;

  void move_to(TimePoint now) noexcept;
  void take_out(const CallCounts& old) noexcept;

  CallCounts sum_;
  Duration step_;
  std::int64_t at_ = 0;  // the running step, counted from the clock's start
  std::array<CallCounts, steps> by_step_{};
  std::vector<std::uint8_t> ring_;  // of each of the last calls: bit 0 failed, bit 1 slow
  std::size_t next_ = 0;
};

}  // namespace weir::control
