// Between our Task and Asio's operations and coroutines, both ways, on the thread of a loop.
//
//   const auto done = co_await as_task(loop, timer.async_wait(asio::deferred), &scope);
//   const int sum = co_await as_task(loop, add_up(), &scope);         // a LoopAwaitable<int>
//   co_await async_task(loop, group, our_coroutine, use_loop_awaitable);   // in a LoopAwaitable
//
// Objects of Asio live on the main io_context; only the completion comes to the loop.
#pragma once

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cassert>
#include <concepts>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "weir/net/asio_operation.hpp"
#include "weir/net/task_group.hpp"

namespace weir::net {

// A completion token: op(UseTask{&loop, &scope}) gives the Task that as_task() gives.
struct UseTask {
  Loop* loop;
  CancelScope* scope = nullptr;
};

// A Task that begins `operation` (deferred: what an initiating function gives for asio::deferred)
// when it is awaited, and gives what it completes with:
//   void(error_code, T)     std::expected<T, error_code>
//   void(exception_ptr, T)  T; the exception is thrown
//   void(T)                 T
// where T is nothing, one value or several as a tuple. `scope` (null: none), when it is cancelled,
// asks for the operation's terminal cancellation, which most operations answer with
// operation_aborted; the Task still waits for that. One that was cancelled before begins nothing:
// this is operation_aborted, too, thrown as system_error where there is no error_code. So is an
// operation that will never complete, as its io_context is gone.
// A Task that is destroyed while it waits cancels its operation. On the thread of `loop`.
template <class Operation>
auto as_task(Loop& loop, Operation operation, CancelScope* scope = nullptr) {
  return std::move(operation)(UseTask{&loop, scope});
}
// A coroutine of Asio, which begins when the Task is awaited.
template <class T>
auto as_task(Loop& loop, LoopAwaitable<T> coroutine, CancelScope* scope = nullptr) {
  return asio::co_spawn(loop.get_executor(), std::move(coroutine), UseTask{&loop, scope});
}
// The same on the loop that runs in this thread. REQUIRES: there is one.
template <class Operation>
  requires(!std::same_as<std::remove_cvref_t<Operation>, Loop>)
auto as_task(Operation operation, CancelScope* scope = nullptr) {
  assert(LoopContext::here() != nullptr);
  return as_task(LoopContext::here()->loop(), std::move(operation), scope);
}

// What an operation of `Start`, a function from CancelScope& to Task<T>, completes with.
template <class T>
struct TaskCompletion {
  using Signature = void(std::exception_ptr, T);
};
template <>
struct TaskCompletion<void> {
  using Signature = void(std::exception_ptr);
};

// Runs the Task of `start` and completes `handler`.
template <class Start, class Handler>
Task<> run_for_asio(Loop& loop, Start start, Handler handler) {
  using T = typename std::invoke_result_t<Start&, CancelScope&>::value_type;
  CancelScope scope;
  auto slot = asio::get_associated_cancellation_slot(handler);
  if (slot.is_connected()) {
    slot.assign([&scope](asio::cancellation_type) { scope.cancel(Reason::client_closed); });
  }
  const auto work =
      asio::make_work_guard(asio::get_associated_executor(handler, loop.get_executor()));
  std::exception_ptr error;
  if constexpr (std::is_void_v<T>) {
    try {
      co_await start(scope);
    } catch (...) {
      error = std::current_exception();
    }
    if (slot.is_connected()) slot.clear();
    asio::post(work.get_executor(), [handler = std::move(handler), error]() mutable {
      std::move(handler)(std::move(error));
    });
  } else {
    std::optional<T> value;
    try {
      Task<T> task = start(scope);
      value.emplace(co_await std::move(task));
    } catch (...) {
      error = std::current_exception();
      value.emplace();
    }
    if (slot.is_connected()) slot.clear();
    auto complete = [handler = std::move(handler), error, given = std::move(*value)]() mutable {
      std::move(handler)(std::move(error), std::move(given));
    };
    asio::post(work.get_executor(), std::move(complete));
  }
}

// An operation of Asio that runs `start(scope)`, a Task<T>, in `group` and completes with
// void(exception_ptr, T), or void(exception_ptr) for Task<void>, as asio::co_spawn does; T has a
// default for the case of an exception. Cancellation of any type cancels `scope` with
// client_closed. On the thread of `loop`, where what cancels it has to be, too; `group` is of
// `loop`, and is joined before either goes, as for any Task.
template <class Start, class Token>
auto async_task(Loop& loop, TaskGroup& group, Start start, Token&& token) {
  using T = typename std::invoke_result_t<Start&, CancelScope&>::value_type;
  auto initiate = [&loop, &group](auto&& handler, Start begun) {
    using Handler = std::decay_t<decltype(handler)>;
    group.spawn(run_for_asio<Start, Handler>(loop, std::move(begun),
                                             std::forward<decltype(handler)>(handler)));
  };
  return asio::async_initiate<Token, typename TaskCompletion<T>::Signature>(
      std::move(initiate), token, std::move(start));
}

}  // namespace weir::net

template <class R, class... Args>
class boost::asio::async_result<weir::net::UseTask, R(Args...)> {
 public:
  using Operation = weir::net::AsioOperation<std::decay_t<Args>...>;
  using return_type = weir::Task<typename Operation::Outcome::Type>;

  // The arguments are kept until the Task is awaited.
  template <class Initiation, class... Given>
  static return_type initiate(Initiation&& initiation, weir::net::UseTask token, Given&&... given) {
    auto start = [initiation = std::decay_t<Initiation>(std::forward<Initiation>(initiation)),
                  kept = std::tuple<std::decay_t<Given>...>(std::forward<Given>(given)...)](
                     auto handler) mutable {
      std::apply(
          [&](auto&&... each) { std::move(initiation)(std::move(handler), std::move(each)...); },
          std::move(kept));
    };
    return Operation::run(*token.loop, token.scope, std::move(start));
  }
};
