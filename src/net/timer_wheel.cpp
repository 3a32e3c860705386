#include "weir/net/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace weir::net {

void Timer::unschedule() noexcept {
  if (wheel_ != nullptr) wheel_->unlink(*this);
}

TimerWheel::TimerWheel(TimePoint start) noexcept : start_(start) {
  for (auto& level : wheel_) {
    for (TimerLink& list : level) list.next_ = list.previous_ = &list;
  }
}

TimerWheel::~TimerWheel() {
  for (auto& level : wheel_) {
    for (TimerLink& list : level) {
      while (list.next_ != &list) unlink(static_cast<Timer&>(*list.next_));
    }
  }
}

std::uint64_t TimerWheel::tick_of(TimePoint point) const noexcept {
  if (point <= start_) return 0;
  return static_cast<std::uint64_t>((point - start_ + tick - Duration(1)) / tick);
}

void TimerWheel::schedule(Timer& timer, TimePoint expiry) noexcept {
  timer.unschedule();
  timer.expiry_ = expiry;
  timer.wheel_ = this;
  ++count_;
  place(timer);
}

void TimerWheel::place(Timer& timer) noexcept {
  const std::uint64_t due = std::max(tick_of(timer.expiry_), now_tick_ + 1);
  const std::uint64_t distance = due - now_tick_;
  unsigned level = 0;
  while (level + 1 < levels && distance >= (std::uint64_t{1} << (6 * (level + 1)))) ++level;
  // Past the last level's reach a timer waits in its furthest slot and is placed again from there.
  const std::uint64_t reach = std::uint64_t{1} << (6 * levels);
  const std::uint64_t target = distance < reach ? due : now_tick_ + reach - 1;
  const auto slot = static_cast<unsigned>((target >> (6 * level)) & (slots - 1));
  append(timer, level, slot);
}

void TimerWheel::append(Timer& timer, unsigned level, unsigned slot) noexcept {
  TimerLink& list = wheel_[level][slot];
  timer.slot_ = static_cast<std::uint16_t>(level * slots + slot);
  timer.next_ = &list;
  timer.previous_ = list.previous_;
  list.previous_->next_ = &timer;
  list.previous_ = &timer;
  occupied_[level] |= std::uint64_t{1} << slot;
}

void TimerWheel::unlink(Timer& timer) noexcept {
  timer.previous_->next_ = timer.next_;
  timer.next_->previous_ = timer.previous_;
  timer.next_ = timer.previous_ = nullptr;
  timer.wheel_ = nullptr;
  --count_;
  const unsigned level = timer.slot_ / slots;
  const unsigned slot = timer.slot_ % slots;
  TimerLink& list = wheel_[level][slot];
  if (list.next_ == &list) occupied_[level] &= ~(std::uint64_t{1} << slot);
}

// Spreads the slot that level `level` has come to over the levels below.
void TimerWheel::cascade(unsigned level) noexcept {
  const auto slot = static_cast<unsigned>((now_tick_ >> (6 * level)) & (slots - 1));
  TimerLink& list = wheel_[level][slot];
  if (list.next_ == &list) return;
  // Taken off as a whole first: a timer may be placed into this very slot again.
  TimerLink* first = list.next_;
  list.previous_->next_ = nullptr;
  list.next_ = list.previous_ = &list;
  occupied_[level] &= ~(std::uint64_t{1} << slot);
  while (first != nullptr) {
    TimerLink* const next = first->next_;
    auto& timer = static_cast<Timer&>(*first);
    // A timer due on this very tick belongs to the slot that is about to fire.
    if (tick_of(timer.expiry_) <= now_tick_) {
      append(timer, 0, static_cast<unsigned>(now_tick_ & (slots - 1)));
    } else {
      place(timer);
    }
    first = next;
  }
}

void TimerWheel::advance(TimePoint now) noexcept {
  if (now <= start_) return;
  const auto target = static_cast<std::uint64_t>((now - start_) / tick);
  while (now_tick_ < target) {
    if (count_ == 0) {
      now_tick_ = target;
      return;
    }
    // Jump over ticks at which nothing can happen: to the next occupied slot of this round, or to
    // its end.
    const unsigned offset = now_tick_ & (slots - 1);
    const std::uint64_t ahead = offset == slots - 1 ? 0 : occupied_[0] >> (offset + 1);
    const std::uint64_t step =
        ahead == 0 ? slots - offset : static_cast<std::uint64_t>(std::countr_zero(ahead)) + 1;
    now_tick_ = std::min(now_tick_ + step, target);
    for (unsigned level = levels - 1; level >= 1; --level) {
      if ((now_tick_ & ((std::uint64_t{1} << (6 * level)) - 1)) == 0) cascade(level);
    }
    TimerLink& list = wheel_[0][now_tick_ & (slots - 1)];
    while (list.next_ != &list) {
      auto& timer = static_cast<Timer&>(*list.next_);
      unlink(timer);
      timer.expire(now);
    }
  }
}

TimePoint TimerWheel::next_event() const noexcept {
  if (count_ == 0) return no_deadline;
  std::uint64_t best = ~std::uint64_t{0};
  for (unsigned level = 0; level < levels; ++level) {
    if (occupied_[level] == 0) continue;
    const std::uint64_t position = now_tick_ >> (6 * level);
    const auto offset = static_cast<unsigned>(position & (slots - 1));
    // The distance in slots to the first occupied one after the current, 1 to 64.
    const std::uint64_t rotated =
        std::rotr(occupied_[level], static_cast<int>((offset + 1) % slots));
    const std::uint64_t distance = static_cast<std::uint64_t>(std::countr_zero(rotated)) + 1;
    best = std::min(best, (position + distance) << (6 * level));
  }
  return start_ + tick * static_cast<Duration::rep>(best);
}

}  // namespace weir::net
