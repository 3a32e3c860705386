#include "weir/net/waiter.hpp"

#include "weir/net/loop.hpp"

namespace weir::net {

Waiter::~Waiter() {
  if (ready_) loop_.remove_ready(*this);
  if (resume_ != nullptr) std::exchange(resume_, nullptr)(storage_, false);
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

void Waiter::suspended() noexcept {
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
  std::exchange(resume_, nullptr)(storage_, true);
}

}  // namespace weir::net
