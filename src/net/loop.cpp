#include "weir/net/loop.hpp"

#include <algorithm>
#include <utility>

#include "weir/net/loop_context.hpp"

namespace weir::net {

Loop::Loop(std::unique_ptr<Reactor> reactor)
    : reactor_(std::move(reactor)),
      now_(Clock::now()),
      wheel_(now_),
      mailbox_(*reactor_),
      context_(std::make_shared<LoopContext>(*this, mailbox_)) {}

Loop::~Loop() {
  context_->close();
  mailbox_.close();
}

void Loop::run() {
  const LoopContext::RunsHere here(*context_);
  // What passed between its making and now was neither work nor waiting.
  now_ = Clock::now();
  working_since_.store(now_.time_since_epoch().count(), std::memory_order_relaxed);
  began_.store(now_.time_since_epoch().count(), std::memory_order_release);
  while (!stopped_) turn();
}

void Loop::stop() {
  mailbox_.post([this] { stopped_ = true; });
}

void Loop::turn() {
  const TimePoint idle_from = Clock::now();
  working_since_.store(0, std::memory_order_relaxed);
  busy_.store(busy_.load(std::memory_order_relaxed) + (idle_from - now_).count(),
              std::memory_order_relaxed);
  const bool goes_on = ready_first_ != nullptr || context_->has_handlers();
  reactor_->wait(idle_from, goes_on ? idle_from : wheel_.next_event());
  now_ = Clock::now();
  working_since_.store(now_.time_since_epoch().count(), std::memory_order_relaxed);
  reactor_->dispatch();
  mailbox_.deliver();
  if (context_->has_handlers()) context_->run_handlers();
  run_ready();
  wheel_.advance(now_);
  run_ready();
}

void Loop::run_ready() {
  // Those who become ready meanwhile wait for the next turn: nobody starves the sockets.
  Waiter* waiter = std::exchange(ready_first_, nullptr);
  ready_last_ = nullptr;
  // The batch in hand stays reachable, as one of them may destroy another.
  batch_ = waiter;
  while (batch_ != nullptr) {
    Waiter* current = batch_;
    batch_ = current->next_ready_;
    current->next_ready_ = nullptr;
    current->resume();
  }
  batch_ = nullptr;
}

void Loop::push_ready(Waiter& waiter) noexcept {
  waiter.next_ready_ = nullptr;
  if (ready_last_ == nullptr) {
    ready_first_ = &waiter;
  } else {
    ready_last_->next_ready_ = &waiter;
  }
  ready_last_ = &waiter;
}

void Loop::remove_ready(Waiter& waiter) noexcept {
  Waiter* before = nullptr;
  for (Waiter* at = ready_first_; at != nullptr; before = at, at = at->next_ready_) {
    if (at != &waiter) continue;
    (before == nullptr ? ready_first_ : before->next_ready_) = waiter.next_ready_;
    if (ready_last_ == &waiter) ready_last_ = before;
    return;
  }
  for (Waiter** at = &batch_; *at != nullptr; at = &(*at)->next_ready_) {
    if (*at != &waiter) continue;
    *at = waiter.next_ready_;
    return;
  }
}

Loop::Use Loop::use() const noexcept {
  const Duration::rep began = began_.load(std::memory_order_acquire);
  if (began == 0) return {};
  const Duration::rep busy = busy_.load(std::memory_order_relaxed);
  const Duration::rep since = working_since_.load(std::memory_order_relaxed);
  const Duration::rep now = Clock::now().time_since_epoch().count();
  // The turn may have ended between the two: then it is counted in full or not at all.
  const Duration::rep at_hand = since == 0 ? 0 : std::max<Duration::rep>(0, now - since);
  return {Duration(busy + at_hand), Duration(now - began)};
}

}  // namespace weir::net
