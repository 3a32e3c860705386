// What checks and errors say of one endpoint: whether it may be used, and since when. Shared by the
// whole process; atomics, any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "weir/base/time.hpp"

namespace weir::control {

class EndpointHealth {
 public:
  // Who takes an endpoint out of use. Each lets in again only what it took out itself.
  enum class Out : std::uint8_t { checks = 1, ejection = 2 };

  // Not unhealthy by checks and not ejected for its errors.
  bool in() const noexcept { return out_.load(std::memory_order_relaxed) == 0; }
  bool is_out(Out by) const noexcept {
    return (out_.load(std::memory_order_relaxed) & static_cast<std::uint8_t>(by)) != 0;
  }
  // Since when it is in; the epoch while that has not changed since the process knows it.
  TimePoint since() const noexcept { return TimePoint(Duration(since_.load())); }

  // True when it was in until now.
  bool take_out(Out by) noexcept { return out_.fetch_or(static_cast<std::uint8_t>(by)) == 0; }
  // True when it is in from now on and was not before.
  bool let_in(Out by, TimePoint now) noexcept {
    const auto bit = static_cast<std::uint8_t>(by);
    std::uint8_t before = out_.load();
    do {
      if ((before & bit) == 0) return false;
      // Before anybody can see that it is in.
      if (before == bit) since_.store(now.time_since_epoch().count());
    } while (!out_.compare_exchange_weak(before, static_cast<std::uint8_t>(before & ~bit)));
    return before == bit;
  }

 private:
  std::atomic<std::uint8_t> out_{0};  // bits of Out
  std::atomic<Duration::rep> since_{0};
};

}  // namespace weir::control
