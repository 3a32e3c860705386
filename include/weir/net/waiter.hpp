// The only way a coroutine of a worker waits: for notify(), cancel() or a deadline. Resumed by the
// worker's loop, never inside the call that woke it, so nobody is destroyed under its caller.
// One waiting coroutine at a time; worker thread only.
#pragma once

#include <coroutine>
#include <cstdint>

#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/net/timer_wheel.hpp"

namespace weir::net {

class Loop;

enum class Wake : std::uint8_t { notified, timeout, cancelled };

class Waiter final : private Timer {
 public:
  explicit Waiter(Loop& loop) noexcept : loop_(loop) {}
  // REQUIRES: nobody waits: a coroutine outlives no waiter that it waits for.
  ~Waiter() override;

  // co_await waiter.wait(deadline): suspends until woken, then waiter.result() says by what. A
  // notify() that came before is not lost; after cancel() every wait ends at once.
  auto wait(Deadline deadline) noexcept {
    struct Wait {
      Waiter* waiter;
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> waiting) const noexcept {
        waiter->suspended(waiting);
      }
      void await_resume() const noexcept {}
    };
    deadline_ = deadline;
    return Wait{this};
  }
  // Why the last wait ended; consumes a notification.
  Wake result() noexcept;

  bool waiting() const noexcept { return waiting_ != nullptr; }
  void notify() noexcept;
  // Forgets a notification that nobody waited for.
  void reset() noexcept { notified_ = false; }
  void cancel() noexcept;
  bool cancelled() const noexcept { return cancelled_; }
  // The coroutine that waits was destroyed where it stood.
  void abandon() noexcept;

 private:
  friend class Loop;

  void expire(TimePoint now) noexcept override;
  void suspended(std::coroutine_handle<> waiting) noexcept;
  void make_ready() noexcept;
  void resume();  // by the loop

  Loop& loop_;
  std::coroutine_handle<> waiting_;
  Waiter* next_ready_ = nullptr;
  Deadline deadline_ = no_deadline;
  bool notified_ = false;
  bool cancelled_ = false;
  bool ready_ = false;  // in the loop's list
};

}  // namespace weir::net
