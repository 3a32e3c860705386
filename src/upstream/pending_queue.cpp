#include "upstream/pending_queue.hpp"

#include <algorithm>

#include "upstream/worker_view.hpp"

namespace weir::upstream {

Pending::Pending(WorkerView& view, const Tried& wanted, const Caller& caller) noexcept
    : waiter(view.loop()),
      tried(wanted),
      may_panic(caller.may_panic),
      since(view.loop().now()),
      view_(view),
      kind_(wanted.size() != 0 ? Kind::choosy
            : caller.may_panic ? Kind::any
                               : Kind::healthy),
      key_(caller.fair) {
  view_.enqueue(*this);
}

void Pending::leave() noexcept {
  if (queued_) view_.dequeue(*this);
}

void Pending::cancel() noexcept {
  // At once: those who leave together are not looked at again and again until they are resumed.
  leave();
  waiter.cancel();
}

void PendingQueue::reserve(const config::Pool& pool) {
  if (pool.fair && fair_ == nullptr) fair_ = std::make_unique<Fair>();
}

void PendingQueue::configure(const config::Pool& pool) noexcept {
  order_.set_long_wait(std::max<Duration>(pool.pending_timeout / 10, Duration(1)));
  if (std::exchange(adaptive_, pool.order == config::PoolOrder::adaptive) && !adaptive_) {
    order_.look(TimePoint(), TimePoint::max());
  }
  const bool fair = pool.fair.has_value() && fair_ != nullptr;
  if (fair == is_fair_) return;
  is_fair_ = fair;
  if (!fair) {
    fair_.reset();
    return;
  }
  std::array<Pending*, Pending::kinds> at{};
  std::ranges::transform(kinds_, at.begin(), &KindList::first);
  for (std::size_t n = 0; n < size_; ++n) {
    Pending** next = nullptr;
    for (Pending*& each : at) {
      if (each != nullptr && (next == nullptr || each->number_ < (*next)->number_)) next = &each;
    }
    enter_flow(**next);
    *next = KindList::next(**next, false);
  }
}

TimePoint PendingQueue::oldest() const noexcept {
  TimePoint out = TimePoint::max();
  for (const KindList& list : kinds_) {
    if (list.first != nullptr) out = std::min(out, list.first->since);
  }
  return out;
}

Pending* PendingQueue::last_of_longest(std::size_t most) const noexcept {
  if (!fair_in_use() || fair_->rounds.active() == 0) return nullptr;
  const control::DeficitRoundRobin::Flow longest = fair_->rounds.longest();
  return fair_->rounds.waiting(longest) > most ? fair_->flows[longest].last : nullptr;
}

void PendingQueue::enter_flow(Pending& pending) noexcept {
  pending.flow_ = fair_->rounds.enter(pending.key_);
  fair_->flows[pending.flow_].push(pending);
}

void PendingQueue::add(Pending& pending, TimePoint now) noexcept {
  pending.number_ = ++arrived_;
  pending.queued_ = true;
  kinds_[static_cast<std::size_t>(pending.kind_)].push(pending);
  if (fair_in_use()) enter_flow(pending);
  ++size_;
  look(now);
}

void PendingQueue::remove(Pending& pending, TimePoint now) noexcept {
  if (fair_in_use()) fair_->rounds.leave(pending.flow_);
  unlink(pending, now);
}

// The rounds know it already.
void PendingQueue::unlink(Pending& pending, TimePoint now) noexcept {
  if (fair_in_use()) fair_->flows[pending.flow_].erase(pending);
  kinds_[static_cast<std::size_t>(pending.kind_)].erase(pending);
  pending.queued_ = false;
  --size_;
  look(now);
}

}  // namespace weir::upstream
