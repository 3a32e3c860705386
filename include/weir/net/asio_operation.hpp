// What asio_task.hpp is made of: an operation of Asio that a Task waits for.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <expected>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "weir/base/cancel.hpp"
#include "weir/base/task.hpp"
#include "weir/net/loop_executor.hpp"
#include "weir/net/waiter.hpp"

namespace weir::net {

// void, one value, or a tuple.
template <class... Values>
struct ValuesOf {
  using Type = std::tuple<Values...>;
};
template <class Value>
struct ValuesOf<Value> {
  using Type = Value;
};
template <>
struct ValuesOf<> {
  using Type = void;
};

// What a Task gives for an operation that completes with `Args`.
template <class... Args>
struct AsioOutcome {
  using Type = typename ValuesOf<Args...>::Type;

  static Type take(std::tuple<Args...>&& values) {
    if constexpr (sizeof...(Args) == 1) return std::get<0>(std::move(values));
    if constexpr (sizeof...(Args) > 1) return std::move(values);
  }
  static Type aborted() { throw boost::system::system_error(asio::error::operation_aborted); }
};

template <class... Values>
struct AsioOutcome<boost::system::error_code, Values...> {
  using Type = std::expected<typename ValuesOf<Values...>::Type, boost::system::error_code>;

  static Type take(std::tuple<boost::system::error_code, Values...>&& completed) {
    return std::apply(
        [](boost::system::error_code error, Values&&... values) -> Type {
          if (error) return std::unexpected(error);
          if constexpr (sizeof...(Values) == 0) {
            return {};
          } else {
            return typename ValuesOf<Values...>::Type(std::forward<Values>(values)...);
          }
        },
        std::move(completed));
  }
  static Type aborted() {
    return std::unexpected(boost::system::error_code(asio::error::operation_aborted));
  }
};

template <class... Values>
struct AsioOutcome<std::exception_ptr, Values...> {
  using Type = typename ValuesOf<Values...>::Type;

  static Type take(std::tuple<std::exception_ptr, Values...>&& completed) {
    return std::apply(
        [](std::exception_ptr error, Values&&... values) -> Type {
          if (error) std::rethrow_exception(std::move(error));
          if constexpr (sizeof...(Values) != 0) return Type(std::forward<Values>(values)...);
        },
        std::move(completed));
  }
  static Type aborted() { return AsioOutcome<Values...>::aborted(); }
};

// What the waiting Task and the operation's handler share; whoever is last destroys it.
template <class... Args>
struct AsioWait final : QueuedHandler {
  explicit AsioWait(Loop& loop) noexcept
      : QueuedHandler(&AsioWait::tell_abandoned), executor(loop.get_executor()) {}

  // As a handler of its own: it needs no memory, and finds no Task if that is gone.
  static void tell_abandoned(QueuedHandler* base, bool run) {
    const auto self = std::move(static_cast<AsioWait*>(base)->self);
    if (run) self->end();
  }
  void end() noexcept {
    ended = true;
    if (waiter != nullptr) waiter->notify();
  }

  const LoopExecutor executor;
  std::shared_ptr<AsioWait> self;  // while tell_abandoned is queued
  // The loop's thread only.
  asio::cancellation_signal signal;
  std::optional<std::tuple<Args...>> values;
  bool ended = false;  // without values: the operation's handler was destroyed
  Waiter* waiter = nullptr;
};

// The handler, which Asio calls on the loop, or destroys on any thread.
template <class... Args>
class AsioWaitHandler {
 public:
  using executor_type = LoopExecutor;
  using cancellation_slot_type = asio::cancellation_slot;

  explicit AsioWaitHandler(std::shared_ptr<AsioWait<Args...>> shared) noexcept
      : shared_(std::move(shared)) {}
  AsioWaitHandler(AsioWaitHandler&&) noexcept = default;
  AsioWaitHandler& operator=(AsioWaitHandler&&) = delete;
  ~AsioWaitHandler() {
    if (shared_ == nullptr) return;
    AsioWait<Args...>& wait = *shared_;
    wait.self = std::move(shared_);
    wait.executor.place().loop->push(wait);
  }

  executor_type get_executor() const noexcept { return shared_->executor; }
  cancellation_slot_type get_cancellation_slot() const noexcept { return shared_->signal.slot(); }

  template <class... Values>
  void operator()(Values&&... values) {
    const auto shared = std::move(shared_);
    shared->values.emplace(std::forward<Values>(values)...);
    shared->end();
  }

 private:
  std::shared_ptr<AsioWait<Args...>> shared_;
};

// The place of a Task that waits: what comes after its end finds nobody.
template <class... Args>
class AsioWaiting {
 public:
  explicit AsioWaiting(Loop& loop)
      : shared_(std::make_shared<AsioWait<Args...>>(loop)), waiter_(loop) {
    shared_->waiter = &waiter_;
  }
  // Also where the Task is destroyed while it waits: its operation uses nothing of it any more
  // then.
  ~AsioWaiting() {
    shared_->waiter = nullptr;
    if (!shared_->ended) cancel();
    waiter_.abandon();
  }
  AsioWaiting(const AsioWaiting&) = delete;
  AsioWaiting& operator=(const AsioWaiting&) = delete;

  AsioWaitHandler<Args...> handler() const noexcept { return AsioWaitHandler<Args...>(shared_); }
  void cancel() noexcept { shared_->signal.emit(asio::cancellation_type::terminal); }
  bool ended() const noexcept { return shared_->ended; }
  auto wait() noexcept { return waiter_.wait(no_deadline); }
  void heard() noexcept { waiter_.reset(); }
  std::optional<std::tuple<Args...>>& values() noexcept { return shared_->values; }

 private:
  std::shared_ptr<AsioWait<Args...>> shared_;
  Waiter waiter_;
};

// `start` is given the handler, and begins the operation.
template <class... Args>
struct AsioOperation {
  using Outcome = AsioOutcome<Args...>;

  template <class Start>
  static Task<typename Outcome::Type> run(Loop& loop, CancelScope* scope, Start start) {
    if (scope != nullptr && scope->cancelled()) co_return Outcome::aborted();
    AsioWaiting<Args...> waiting(loop);
    start(waiting.handler());
    const OnCancel stop(scope, [&](Reason) noexcept { waiting.cancel(); });
    while (!waiting.ended()) {
      co_await waiting.wait();
      waiting.heard();
    }
    if (!waiting.values()) co_return Outcome::aborted();
    co_return Outcome::take(std::move(*waiting.values()));
  }
};

}  // namespace weir::net
