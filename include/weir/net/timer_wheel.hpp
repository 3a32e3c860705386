// Deadlines by the thousand: a hierarchical timing wheel (Varghese and Lauck) of four levels of 64
// slots. Scheduling and cancelling are a few instructions; nothing fires early, and late by at most
// one tick at the first level and 1/64 of the distance at the others. One a worker, its thread
// only.
#pragma once

#include <array>
#include <cstdint>

#include "weir/base/time.hpp"

namespace weir::net {

class TimerWheel;

// A place in a slot's ring; the wheel's alone.
class TimerLink {
 private:
  friend class Timer;
  friend class TimerWheel;
  TimerLink* next_ = nullptr;
  TimerLink* previous_ = nullptr;
};

// Something that happens at a deadline. Unlinks itself when destroyed.
class Timer : private TimerLink {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual ~Timer() { unschedule(); }

  bool scheduled() const noexcept { return wheel_ != nullptr; }
  // When it will fire. REQUIRES: scheduled().
  TimePoint expiry() const noexcept { return expiry_; }
  void unschedule() noexcept;

 private:
  friend class TimerWheel;
  // Called by TimerWheel::advance with the timer unscheduled; may schedule it again.
  virtual void expire(TimePoint now) noexcept = 0;

  TimerWheel* wheel_ = nullptr;
  std::uint16_t slot_ = 0;
  TimePoint expiry_{};
};

class TimerWheel {
 public:
  static constexpr Duration tick = std::chrono::milliseconds(4);

  explicit TimerWheel(TimePoint start) noexcept;
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Moves `timer` if it is scheduled already. An expiry in the past fires at the next advance().
  void schedule(Timer& timer, TimePoint expiry) noexcept;
  // Fires what is due at `now`.
  void advance(TimePoint now) noexcept;
  bool empty() const noexcept { return count_ == 0; }
  // When advance() has something to do next; no_deadline when empty.
  TimePoint next_event() const noexcept;

 private:
  friend class Timer;
  static constexpr unsigned levels = 4;
  static constexpr unsigned slots = 64;
  std::uint64_t tick_of(TimePoint point) const noexcept;  // rounded up
  void place(Timer& timer) noexcept;
  void unlink(Timer& timer) noexcept;
  void append(Timer& timer, unsigned level, unsigned slot) noexcept;
  void cascade(unsigned level) noexcept;

  TimePoint start_;
  std::uint64_t now_tick_ = 0;
  std::size_t count_ = 0;
  std::array<std::uint64_t, levels> occupied_{};            // a bit a slot
  std::array<std::array<TimerLink, slots>, levels> wheel_;  // ring heads
};

}  // namespace weir::net
