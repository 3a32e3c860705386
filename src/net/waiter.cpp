#include "weir/net/waiter.hpp"

#include <cassert>
#include <utility>

#include "weir/net/loop.hpp"

namespace weir::net {

Waiter::~Waiter() {
  assert(!waiting());
  if (ready_) loop_.remove_ready(*this);
}

Wake Waiter::result() noexcept {
  if (cancelled_) return Wake::cancelled;
  if (std::exchange(notified_, false)) return Wake::notified;
  return Wake::timeout;
}

void Waiter::notify() noexcept {
  notified_ = true;
  if (waiting()) make_ready();
}

void Waiter::cancel() noexcept {
  cancelled_ = true;
  if (waiting()) make_ready();
}

void Waiter::abandon() noexcept {
  if (std::exchange(ready_, false)) loop_.remove_ready(*this);
  waiting_ = nullptr;
}

void Waiter::suspended(std::coroutine_handle<> waiting) noexcept {
  waiting_ = waiting;
  if (notified_ || cancelled_) {
    make_ready();
    return;
  }
  if (deadline_ == no_deadline) return;
  // A timer that fires no later than needed stays where it is: when it fires early, expire() moves
  // it.
  if (scheduled() && expiry() <= deadline_) return;
  loop_.wheel().schedule(*this, deadline_);
}

void Waiter::expire(TimePoint now) noexcept {
  if (!waiting() || deadline_ == no_deadline) return;
  if (now < deadline_) {
    loop_.wheel().schedule(*this, deadline_);
    return;
  }
  make_ready();
}

void Waiter::make_ready() noexcept {
  if (ready_) return;
  ready_ = true;
  loop_.push_ready(*this);
}

void Waiter::resume() {
  ready_ = false;
  TaskPump::resume(std::exchange(waiting_, nullptr));
}

}  // namespace weir::net
