// Asio's executor of a Loop: handlers, strands, asio::awaitable and libraries made of these run on
// its thread, and take turns with all else there.
//
//   asio::post(loop.get_executor(), [] { ... });
//   asio::co_spawn(loop.get_executor(), coroutine(), asio::detached);  // -> LoopAwaitable<>
//   timer.async_wait(asio::bind_executor(loop.get_executor(), handler));  // of the main io_context
//
// Asio's I/O objects and timers do not compile on this executor, nor on a strand of it, and it
// does not become an any_io_executor; weir/net/loop_io_executor.hpp has one that does. What a
// handler throws leaves Loop::run(), as it leaves io_context::run(); run() may be called again.
// A strand counts as one handler, however many of its own it has ready.
// Any thread; it may outlive its loop (see LoopContext).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution/allocator.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/context_as.hpp>
#include <boost/asio/execution/executor.hpp>
#include <boost/asio/execution/mapping.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution/relationship.hpp>
#include <boost/asio/is_executor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <concepts>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "weir/base/asio.hpp"
#include "weir/net/held_handler.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/loop_context.hpp"

namespace weir::net {

// What an executor refers to: a loop alone. Asio finds a LoopContext as its context.
struct HandlersOnly {
  using Shown = LoopContext;
  std::shared_ptr<LoopContext> loop;

  Shown& shown() const noexcept { return *loop; }
  friend bool operator==(const HandlersOnly&, const HandlersOnly&) noexcept = default;
};

// The values of an executor's properties, as bits.
struct ExecutorProperties {
  static constexpr unsigned never_blocks = 1;  // blocking.never, else blocking.possibly
  static constexpr unsigned continues = 2;    // relationship.continuation, else fork: no difference
  static constexpr unsigned tracks_work = 4;  // outstanding_work.tracked, else untracked
};

template <class Place, class Allocator, unsigned Properties>
class BasicLoopExecutor {
  using Bits = ExecutorProperties;
  template <unsigned Cleared, unsigned Set>
  using With = BasicLoopExecutor<Place, Allocator, (Properties & ~Cleared) | Set>;
  template <class Other>
  using WithAllocator = BasicLoopExecutor<Place, Other, Properties>;

 public:
  explicit BasicLoopExecutor(Place place, const Allocator& allocator = Allocator()) noexcept
      : place_(std::move(place)), allocator_(allocator) {
    start_work();
  }
  BasicLoopExecutor(const BasicLoopExecutor& other) noexcept
      : place_(other.place_), allocator_(other.allocator_) {
    start_work();
  }
  BasicLoopExecutor(BasicLoopExecutor&& other) noexcept = default;
  BasicLoopExecutor& operator=(BasicLoopExecutor other) noexcept {
    std::swap(place_, other.place_);
    std::swap(allocator_, other.allocator_);
    return *this;
  }
  ~BasicLoopExecutor() {
    if constexpr ((Properties & Bits::tracks_work) != 0) {
      if (place_.loop) place_.loop->work_finished();
    }
  }

  // Runs `function` on the loop: at once, within this call, where blocking is possible and the
  // loop runs in this thread; otherwise in its turn.
  template <class Function>
  void execute(Function&& function) const {
    if constexpr ((Properties & Bits::never_blocks) == 0) {
      if (running_in_this_thread()) return call(std::forward<Function>(function));
    }
    push(std::forward<Function>(function), allocator_);
  }
  bool running_in_this_thread() const noexcept { return place_.loop->running_here(); }
  const Place& place() const noexcept { return place_; }

  friend bool operator==(const BasicLoopExecutor& a, const BasicLoopExecutor& b) noexcept {
    return a.place_ == b.place_ && a.allocator_ == b.allocator_;
  }

  // --- asio::require, prefer
  auto require(asio::execution::blocking_t::possibly_t) const noexcept {
    return with<Bits::never_blocks, 0>();
  }
  auto require(asio::execution::blocking_t::never_t) const noexcept {
    return with<0, Bits::never_blocks>();
  }
  auto require(asio::execution::relationship_t::fork_t) const noexcept {
    return with<Bits::continues, 0>();
  }
  auto require(asio::execution::relationship_t::continuation_t) const noexcept {
    return with<0, Bits::continues>();
  }
  auto require(asio::execution::outstanding_work_t::tracked_t) const noexcept {
    return with<0, Bits::tracks_work>();
  }
  auto require(asio::execution::outstanding_work_t::untracked_t) const noexcept {
    return with<Bits::tracks_work, 0>();
  }
  template <class Other>
  WithAllocator<Other> require(asio::execution::allocator_t<Other> other) const noexcept {
    return WithAllocator<Other>(place_, other.value());
  }
  WithAllocator<std::allocator<void>> require(asio::execution::allocator_t<void>) const noexcept {
    return WithAllocator<std::allocator<void>>(place_);
  }

  // --- asio::query
  typename Place::Shown& query(asio::execution::context_t) const noexcept { return place_.shown(); }
  // Asio's own would promise any context, and fail where it is asked: so "is it convertible to
  // any_io_executor" has an answer.
  template <class Wanted>
    requires(!std::convertible_to<typename Place::Shown&, Wanted>)
  friend void query(const BasicLoopExecutor&,
                    const asio::execution::context_as_t<Wanted>&) = delete;
  static constexpr asio::execution::mapping_t query(asio::execution::mapping_t) noexcept {
    return asio::execution::mapping.thread;
  }
  static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    if constexpr ((Properties & Bits::never_blocks) != 0) return asio::execution::blocking.never;
    return asio::execution::blocking.possibly;
  }
  static constexpr asio::execution::relationship_t query(asio::execution::relationship_t) noexcept {
    if constexpr ((Properties & Bits::continues) != 0) {
      return asio::execution::relationship.continuation;
    }
    return asio::execution::relationship.fork;
  }
  static constexpr asio::execution::outstanding_work_t query(
      asio::execution::outstanding_work_t) noexcept {
    if constexpr ((Properties & Bits::tracks_work) != 0) {
      return asio::execution::outstanding_work.tracked;
    }
    return asio::execution::outstanding_work.untracked;
  }
  template <class Other>
  Allocator query(asio::execution::allocator_t<Other>) const noexcept {
    return allocator_;
  }

  // --- what asio::is_executor asks for, the executors of the Networking TS
  typename Place::Shown& context() const noexcept { return place_.shown(); }
  void on_work_started() const noexcept { place_.loop->work_started(); }
  void on_work_finished() const noexcept { place_.loop->work_finished(); }
  template <class Function, class Other>
  void dispatch(Function&& function, const Other& other) const {
    if (running_in_this_thread()) return call(std::forward<Function>(function));
    push(std::forward<Function>(function), other);
  }
  template <class Function, class Other>
  void post(Function&& function, const Other& other) const {
    push(std::forward<Function>(function), other);
  }
  template <class Function, class Other>
  void defer(Function&& function, const Other& other) const {
    push(std::forward<Function>(function), other);
  }

 private:
  template <unsigned Cleared, unsigned Set>
  With<Cleared, Set> with() const noexcept {
    return With<Cleared, Set>(place_, allocator_);
  }
  void start_work() const noexcept {
    if constexpr ((Properties & Bits::tracks_work) != 0) place_.loop->work_started();
  }
  template <class Function>
  void call(Function&& function) const {
    std::decay_t<Function> own(std::forward<Function>(function));
    try {
      own();
    } catch (...) {
      // It leaves Loop::run() and not this call: who completes an operation answers for no handler.
      place_.loop->throw_later(std::current_exception());
    }
  }
  template <class Function, class Other>
  void push(Function&& function, const Other& other) const {
    using Held = HeldHandler<std::decay_t<Function>, Other>;
    QueuedHandler& held = Held::make(std::forward<Function>(function), other);
    try {
      place_.loop->push(held);
    } catch (...) {
      held.act(&held, false);
      throw;
    }
  }

  Place place_;  // empty when it was moved from
  [[no_unique_address]] Allocator allocator_;
};

inline Loop::executor_type Loop::get_executor() noexcept {
  return executor_type(HandlersOnly{context_});
}

using LoopExecutor = Loop::executor_type;
static_assert(asio::execution::is_executor<LoopExecutor>::value);
static_assert(asio::is_executor<LoopExecutor>::value);

// Coroutines of Asio on a loop, and the token with which they await an operation.
template <class T = void>
using LoopAwaitable = asio::awaitable<T, LoopExecutor>;
inline constexpr asio::use_awaitable_t<LoopExecutor> use_loop_awaitable{};

}  // namespace weir::net
