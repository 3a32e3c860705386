#include "auth/key_source.hpp"

#include <chrono>
#include <utility>

namespace weir::auth {

KeySource::KeySource(std::shared_ptr<const KeySet> keys) : keys_(std::move(keys)) {}

KeySource::KeySource(TimePoint now, std::function<void()> wake)
    : wake_(std::move(wake)), schedule_(now) {}

std::shared_ptr<const KeySet> KeySource::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

void KeySource::publish(std::shared_ptr<const KeySet> keys) {
  {
    const std::lock_guard lock(mutex_);
    keys_.swap(keys);
  }
  // After the keys: whoever reads the new number reads the new keys, too.
  generation_.fetch_add(1, std::memory_order_acq_rel);
}

bool KeySource::ask(TimePoint now) {
  {
    const std::lock_guard lock(mutex_);
    if (!schedule_ || !schedule_->asked(now)) return false;
    if (schedule_->running()) return true;
  }
  wake_();
  return true;
}

bool KeySource::wait(net::Loop& loop, const std::shared_ptr<Ticket>& ticket) {
  const std::lock_guard lock(mutex_);
  if (!schedule_ || !schedule_->running_or_due(loop.now())) return false;
  waiting_.push_back({&loop.mailbox(), ticket});
  return true;
}

void KeySource::leave(const std::shared_ptr<Ticket>& ticket) {
  const std::lock_guard lock(mutex_);
  std::erase_if(waiting_, [&](const Waiting& each) { return each.ticket == ticket; });
}

Task<> KeySource::fetched(net::Loop& loop, Deadline deadline, CancelScope* scope) {
  // Also when the coroutine is destroyed while it waits, the letter must find no waiter, and nobody
  // may write to a loop that has ended.
  struct Waits {
    KeySource& source;
    net::Waiter waiter;
    std::shared_ptr<Ticket> ticket = std::make_shared<Ticket>();
    Waits(KeySource& at, net::Loop& on) : source(at), waiter(on) { ticket->waiter = &waiter; }
    ~Waits() {
      ticket->waiter = nullptr;
      source.leave(ticket);
    }
  };
  Waits waits(*this, loop);
  if (!wait(loop, waits.ticket)) co_return;
  const OnCancel stop(scope, [&](Reason) noexcept { waits.waiter.cancel(); });
  co_await waits.waiter.wait(deadline);
}

TimePoint KeySource::due() const {
  const std::lock_guard lock(mutex_);
  return schedule_ ? schedule_->due() : TimePoint::max();
}

void KeySource::begin_fetch() {
  const std::lock_guard lock(mutex_);
  schedule_->started();
}

void KeySource::end_fetch(bool success, std::optional<Duration> max_age, TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (success) {
    schedule_->succeeded(now, max_age);
    last_success_->set(
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count());
  } else {
    schedule_->failed(now);
  }
  for (Waiting& each : waiting_) {
    each.mailbox->post([ticket = std::move(each.ticket)] {
      if (ticket->waiter != nullptr) ticket->waiter->notify();
    });
  }
  waiting_.clear();
}

}  // namespace weir::auth
