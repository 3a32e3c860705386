// What makes a thread a worker: readiness, timers, letters from other threads, coroutines, and the
// buffers they borrow. A turn is: wait for readiness, run what became ready, fire timers.
// Everything but stop() and mailbox().post() on its own thread.
#pragma once

#include <atomic>
#include <memory>

#include "weir/base/buffer.hpp"
#include "weir/base/event_loop.hpp"
#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/net/mailbox.hpp"
#include "weir/net/reactor.hpp"
#include "weir/net/timer_wheel.hpp"
#include "weir/net/waiter.hpp"

namespace weir::net {

class LoopContext;
struct HandlersOnly;
template <class Place, class Allocator, unsigned Properties>
class BasicLoopExecutor;

class Loop final : public EventLoop {
 public:
  explicit Loop(std::unique_ptr<Reactor> reactor = make_epoll_reactor());
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs turns until stop(). REQUIRES: all tasks have ended before the loop is destroyed.
  void run();
  // Any thread.
  void stop();

  // The time of this turn; read once a turn.
  TimePoint now() const noexcept { return now_; }
  Reactor& reactor() noexcept { return *reactor_; }
  TimerWheel& wheel() noexcept { return wheel_; }
  Mailbox& mailbox() noexcept { return mailbox_; }
  BufferPool& buffers() noexcept { return buffers_; }

  // Asio's handlers and coroutines run on a loop by its executor; complete with
  // weir/net/loop_executor.hpp. Any thread.
  using executor_type = BasicLoopExecutor<HandlersOnly, std::allocator<void>, 0>;
  executor_type get_executor() noexcept;
  LoopContext& context() noexcept { return *context_; }

  // Time spent working and in all since run(), the turn at hand included; any thread. Waiting for a
  // CPU counts as working.
  struct Use {
    Duration busy{};
    Duration total{};
  };
  Use use() const noexcept;

 private:
  friend class Waiter;
  void turn();
  void run_ready();
  void push_ready(Waiter& waiter) noexcept;
  void remove_ready(Waiter& waiter) noexcept;

  std::unique_ptr<Reactor> reactor_;
  TimePoint now_;
  TimerWheel wheel_;
  BufferPool buffers_;
  Mailbox mailbox_;
  std::shared_ptr<LoopContext> context_;
  Waiter* ready_first_ = nullptr;
  Waiter* ready_last_ = nullptr;
  Waiter* batch_ = nullptr;  // being resumed
  bool stopped_ = false;
  // What use() tells; written by the loop's thread alone. Ticks of the clock, 0 for not.
  std::atomic<Duration::rep> began_{0};
  std::atomic<Duration::rep> working_since_{0};
  std::atomic<Duration::rep> busy_{0};
};

}  // namespace weir::net
