#include "weir/net/loop_context.hpp"

#include "weir/net/held_handler.hpp"
#include "weir/net/waiter.hpp"

namespace weir::net {
namespace {

// How many handlers run in a turn of the loop.
constexpr int most_handlers = 256;

// States of the news that finished() waits for.
constexpr std::uint8_t nobody_asks = 0;
constexpr std::uint8_t news_wanted = 1;
constexpr std::uint8_t news_queued = 2;

}  // namespace

void LoopContext::push(QueuedHandler& handler) {
  if (running_here()) return handlers_.push(handler);
  {
    const std::lock_guard lock(mutex_);
    if (mailbox_ != nullptr) {
      // One letter for all that come before it is read; it waits for the lock.
      if (incoming_.empty()) mailbox_->post([this] { take_incoming(); });
      return incoming_.push(handler);
    }
  }
  handler.act(&handler, false);
}

void LoopContext::take_incoming() noexcept {
  const std::lock_guard lock(mutex_);
  handlers_.append(std::move(incoming_));
}

void LoopContext::run_handlers() {
  for (int left = most_handlers; left != 0 && !handlers_.empty(); --left) {
    QueuedHandler& handler = handlers_.pop();
    handler.act(&handler, true);
  }
  if (idle_ != nullptr && handlers_.empty()) idle_->notify();
}

void LoopContext::throw_later(std::exception_ptr error) {
  const auto rethrow = [error = std::move(error)] { std::rethrow_exception(error); };
  using Rethrowing = HeldHandler<std::remove_const_t<decltype(rethrow)>, std::allocator<void>>;
  handlers_.push(Rethrowing::make(rethrow, std::allocator<void>()));
}

Task<bool> LoopContext::finished(Deadline deadline) {
  Waiter waiter(*loop_);
  struct Asking {
    Waiter*& place;
    ~Asking() { place = nullptr; }
  } const asking{idle_};
  idle_ = &waiter;
  for (;;) {
    // News that is on its way since an earlier question tells this one, too.
    std::uint8_t expected = nobody_asks;
    idle_news_.state.compare_exchange_strong(expected, news_wanted);
    bool idle = handlers_.empty() && outstanding_work() == 0;
    if (idle) {
      const std::lock_guard lock(mutex_);
      idle = incoming_.empty();
    }
    if (idle) co_return true;
    co_await waiter.wait(deadline);
    if (waiter.result() == Wake::timeout) co_return false;
  }
}

void LoopContext::tell_idle() noexcept {
  std::uint8_t expected = news_wanted;
  if (idle_news_.state.compare_exchange_strong(expected, news_queued)) push(idle_news_);
}

void LoopContext::IdleNews::tell(QueuedHandler* self, bool) noexcept {
  auto& news = *static_cast<IdleNews*>(self);
  news.state.store(nobody_asks);
  if (Waiter* const waiter = news.context.idle_; waiter != nullptr) waiter->notify();
}

void LoopContext::close() noexcept {
  HandlerList left;
  {
    const std::lock_guard lock(mutex_);
    mailbox_ = nullptr;
    left = std::exchange(handlers_, {});
    left.append(std::move(incoming_));
  }
  while (!left.empty()) {
    QueuedHandler& handler = left.pop();
    handler.act(&handler, false);
  }
  services_.shutdown();
}

}  // namespace weir::net
