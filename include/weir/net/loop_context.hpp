// What Asio's world on a loop consists of: the queue of handlers that executors fill, and Asio's
// services for them (those of strands). A loop makes one and every executor shares it, so an
// executor that outlives its loop is harmless: what it is given then is destroyed instead of run.
#pragma once

#include <atomic>
#include <boost/asio/execution_context.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <type_traits>
#include <utility>

#include "weir/base/asio.hpp"
#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/net/mailbox.hpp"

namespace boost::asio::detail {
class strand_executor_service;
}  // namespace boost::asio::detail

namespace weir::net {

class Loop;
class Waiter;

// One handler that waits for its turn. Whoever calls `act` gives it up: it frees its own memory,
// and calls the handler if `run`.
struct QueuedHandler {
  using Act = void (*)(QueuedHandler* self, bool run);

  explicit QueuedHandler(Act what) noexcept : act(what) {}
  QueuedHandler* next = nullptr;
  Act act;
};

// Several of them, in order.
class HandlerList {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  void push(QueuedHandler& handler) noexcept {
    handler.next = nullptr;
    (first_ == nullptr ? first_ : last_->next) = &handler;
    last_ = &handler;
  }
  QueuedHandler& pop() noexcept {
    QueuedHandler& handler = *first_;
    first_ = handler.next;
    return handler;
  }
  // All of `others` behind those that are here.
  void append(HandlerList&& others) noexcept {
    if (others.empty()) return;
    (first_ == nullptr ? first_ : last_->next) = others.first_;
    last_ = others.last_;
    others.first_ = nullptr;
  }

 private:
  QueuedHandler* first_ = nullptr;
  QueuedHandler* last_ = nullptr;  // valid while there is a first
};

// No asio::execution_context itself, and no executor shows one: Asio's I/O objects would start a
// reactor with a thread of its own in it. So they do not compile on a loop.
class LoopContext final {
 public:
  explicit LoopContext(Loop& loop, Mailbox& mailbox) noexcept : loop_(&loop), mailbox_(&mailbox) {}
  LoopContext(const LoopContext&) = delete;
  LoopContext& operator=(const LoopContext&) = delete;

  // --- any thread
  // Takes `handler` over: it runs in this turn or a later one, in order with those that the same
  // thread pushed before. After close() it is destroyed at once, on this thread. Throws bad_alloc,
  // and `handler` is the caller's then.
  void push(QueuedHandler& handler);
  // Counts those who say that they are going to push. Nothing but finished() asks for it: a loop
  // runs until stop(), whatever is outstanding.
  void work_started() noexcept { work_.fetch_add(1); }
  void work_finished() noexcept {
    if (work_.fetch_sub(1) == 1) tell_idle();
  }
  std::size_t outstanding_work() const noexcept { return work_.load(); }

  // Whether the caller is in run() of this context's loop.
  bool running_here() const noexcept { return here_ == this; }
  // That of the loop that runs in this thread, null without one.
  static LoopContext* here() noexcept { return here_; }

  // --- the loop's thread
  // REQUIRES: not closed.
  Loop& loop() const noexcept { return *loop_; }
  bool has_handlers() const noexcept { return !handlers_.empty(); }
  // Runs handlers, those that they push included, at most 256 a call; the next turn has the rest.
  // What one throws leaves through here, and the others are still there.
  void run_handlers();
  // `error` leaves run_handlers() in its turn, as if a handler had thrown it.
  void throw_later(std::exception_ptr error);
  // Waits until no handler is left and nobody has outstanding work, to end Asio code before its
  // loop: true, or false at the deadline. One at a time.
  Task<bool> finished(Deadline deadline);
  // At the loop's end: destroys what is left, strands' handlers included.
  void close() noexcept;

  // While it lives, the loop of `context` runs in this thread.
  class RunsHere {
   public:
    explicit RunsHere(LoopContext& context) noexcept : before_(std::exchange(here_, &context)) {}
    ~RunsHere() { here_ = before_; }
    RunsHere(const RunsHere&) = delete;
    RunsHere& operator=(const RunsHere&) = delete;

   private:
    LoopContext* before_;
  };

  // Asio's services that need no reactor: a strand finds its own by argument-dependent look-up.
  template <class Service>
  friend Service& use_service(LoopContext& context) {
    static_assert(std::is_same_v<Service, asio::detail::strand_executor_service>,
                  "a Loop has no reactor of Asio's: I/O objects and timers live on the main "
                  "io_context, with completions bound to the loop (weir/net/loop_io_executor.hpp)");
    return asio::use_service<Service>(context.services_);
  }

 private:
  struct Services : asio::execution_context {
    using execution_context::shutdown;
  };

  void take_incoming() noexcept;
  void tell_idle() noexcept;

  // Wakes finished() from any thread.
  struct IdleNews : QueuedHandler {
    LoopContext& context;
    std::atomic<std::uint8_t> state{0};
    explicit IdleNews(LoopContext& of) noexcept : QueuedHandler(&IdleNews::tell), context(of) {}
    static void tell(QueuedHandler* self, bool run) noexcept;
  };

  static thread_local constinit LoopContext* here_;

  Loop* loop_;
  Services services_;
  HandlerList handlers_;
  Waiter* idle_ = nullptr;  // of finished()
  IdleNews idle_news_{*this};
  // In one order with the state of idle_news_: the last one to finish sees who asks, or is seen.
  std::atomic<std::size_t> work_{0};
  std::mutex mutex_;
  HandlerList incoming_;  // guarded by mutex_
  Mailbox* mailbox_;      // guarded by mutex_; null after close()
};
inline constinit thread_local LoopContext* LoopContext::here_ = nullptr;

}  // namespace weir::net
