// Wakes a loop at a time of the clock, to some microseconds: the loop's own timers go in steps of 4
// ms. One timerfd, the loop's thread only.
#pragma once

#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <system_error>
#include <utility>

#include "weir/base/descriptor.hpp"
#include "weir/base/time.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/reactor.hpp"

namespace weir::bench {

class Ticker final : private net::ReadyTarget {
 public:
  // `due` is called by the loop; it may arm the ticker again. Throws std::system_error.
  Ticker(net::Loop& loop, std::move_only_function<void() noexcept> due)
      : loop_(loop),
        due_(std::move(due)),
        fd_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
    if (!fd_ || !loop_.reactor().add(fd_.get(), *this)) {
      throw std::system_error(errno, std::generic_category(), "timerfd");
    }
  }
  ~Ticker() { loop_.reactor().forget(fd_.get(), *this); }
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  // Calls once at `at`, as soon as possible if that has passed, and not at the time set before;
  // no_deadline: not at all.
  void arm(TimePoint at) noexcept {
    if (at == armed_) return;
    armed_ = at;
    itimerspec spec{};
    if (at != no_deadline) {
      // Zero would disarm it.
      const auto since = std::max<Duration>(at.time_since_epoch(), Duration(1));
      const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
      spec.it_value.tv_sec = static_cast<time_t>(seconds.count());
      spec.it_value.tv_nsec = static_cast<long>((since - seconds).count());
    }
    // Cannot fail: the descriptor is ours and the time is in range.
    ::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
  }

 private:
  // What expired is not read: each expiry is an edge of its own.
  void on_ready(std::uint8_t ready) noexcept override {
    if ((ready & net::Ready::read) == 0) return;
    armed_ = no_deadline;
    due_();
  }

  net::Loop& loop_;
  std::move_only_function<void() noexcept> due_;
  Descriptor fd_;
  TimePoint armed_ = no_deadline;
};

}  // namespace weir::bench
