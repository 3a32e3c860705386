// The only way a coroutine of a worker waits: for notify(), cancel() or a deadline. Resumed by the
// worker's loop, never inside the call that woke it, so nobody is destroyed under its caller.
// One waiting coroutine at a time; worker thread only.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/net/timer_wheel.hpp"

namespace weir::net {

class Loop;

enum class Wake : std::uint8_t { notified, timeout, cancelled };

class Waiter final : private Timer {
 public:
  explicit Waiter(Loop& loop) noexcept : loop_(loop) {}
  ~Waiter() override;

  // co_await waiter.wait(deadline): suspends until woken, then waiter.result() says by what. A
  // notify() that came before is not lost; after cancel() every wait ends at once.
  auto wait(Deadline deadline) {
    deadline_ = deadline;
    return asio::async_initiate<const asio::deferred_t, void()>(Suspend{this}, asio::deferred);
  }
  // Why the last wait ended; consumes a notification.
  Wake result() noexcept;

  bool waiting() const noexcept { return resume_ != nullptr; }
  void notify() noexcept;
  // Forgets a notification that nobody waited for.
  void reset() noexcept { notified_ = false; }
  void cancel() noexcept;
  bool cancelled() const noexcept { return cancelled_; }

 private:
  friend class Loop;

  struct Suspend {
    Waiter* waiter;
    template <class Handler>
    void operator()(Handler&& handler) const {
      using Stored = std::decay_t<Handler>;
      static_assert(sizeof(Stored) <= sizeof(Waiter::storage_));
      static_assert(std::is_nothrow_move_constructible_v<Stored>);
      ::new (static_cast<void*>(waiter->storage_)) Stored(std::forward<Handler>(handler));
      waiter->resume_ = [](void* storage, bool run) {
        auto* stored = static_cast<Stored*>(storage);
        Stored handler_now(std::move(*stored));
        stored->~Stored();
        if (run) std::move(handler_now)();
      };
      waiter->suspended();
    }
  };

  void expire(TimePoint now) noexcept override;
  void suspended() noexcept;
  void make_ready() noexcept;
  void resume();  // by the loop

  Loop& loop_;
  void (*resume_)(void* storage, bool run) = nullptr;
  Waiter* next_ready_ = nullptr;
  Deadline deadline_ = no_deadline;
  bool notified_ = false;
  bool cancelled_ = false;
  bool ready_ = false;  // in the loop's list
  alignas(std::max_align_t) std::byte storage_[32];
};

}  // namespace weir::net
