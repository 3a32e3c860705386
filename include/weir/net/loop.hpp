// What makes a thread a worker: readiness, timers, letters from other threads, coroutines, and the
// buffers they borrow. A turn is: wait for readiness, run what became ready, run what was posted,
// fire timers. Everything but stop() and mailbox().post() on its own thread.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>

#include "weir/base/buffer.hpp"
#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/net/mailbox.hpp"
#include "weir/net/reactor.hpp"
#include "weir/net/timer_wheel.hpp"
#include "weir/net/waiter.hpp"

namespace weir::net {

class Loop {
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
  asio::io_context::executor_type executor() noexcept { return context_.get_executor(); }

  // Runs what was posted to executor(): now, or before the next turn waits.
  void run_posted() { context_.poll(); }
  void expect_posted() noexcept { posted_ = true; }

  // Time spent working and in all since the loop began; any thread.
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

  asio::io_context context_;
  // Without it the context stops for good when its last task ends within a poll.
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::unique_ptr<Reactor> reactor_;
  TimePoint now_;
  TimerWheel wheel_;
  BufferPool buffers_;
  Mailbox mailbox_;
  Waiter* ready_first_ = nullptr;
  Waiter* ready_last_ = nullptr;
  Waiter* batch_ = nullptr;  // being resumed
  bool stopped_ = false;
  bool posted_ = false;
  TimePoint began_;
  std::atomic<Duration::rep> busy_{0};
};

}  // namespace weir::net
