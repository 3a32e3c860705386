// A coroutine of a worker. It begins when it is awaited, in the call that awaits it: one that never
// waits costs no suspension of its caller. One that waited hands its caller to whoever resumed it
// (TaskPump), so however many end one after the other, the stack does not grow. A Task runs on one
// thread and is awaited at most once.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "weir/base/block_cache.hpp"

namespace weir {

template <class T = void>
class Task;

// Resumes a coroutine that waits, then those that its end lets go on.
class TaskPump {
 public:
  static void resume(std::coroutine_handle<> waiting) {
    do {
      waiting.resume();
      waiting = std::exchange(next_, nullptr);
    } while (waiting);
  }

 private:
  friend class TaskPromise;
  static thread_local constinit std::coroutine_handle<> next_;
};
inline constinit thread_local std::coroutine_handle<> TaskPump::next_{};

// What the promises of all tasks have in common.
class TaskPromise : public Cached {
 public:
  // Null: the one who awaits is still in the call that began this.
  std::coroutine_handle<> caller;

  struct End {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      if (ended.promise().caller) TaskPump::next_ = ended.promise().caller;
    }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() const noexcept { return {}; }
  End final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { thrown_ = std::current_exception(); }

 protected:
  void rethrow() {
    if (thrown_) [[unlikely]]
      std::rethrow_exception(std::move(thrown_));
  }

 private:
  std::exception_ptr thrown_;
};

template <class T>
class TaskPromiseOf final : public TaskPromise {
 public:
  Task<T> get_return_object() noexcept;
  template <class U = T>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    rethrow();
    return std::move(*value_);
  }
  void check() { rethrow(); }
  T& value() noexcept { return *value_; }

 private:
  std::optional<T> value_;
};

template <>
class TaskPromiseOf<void> final : public TaskPromise {
 public:
  inline Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() { rethrow(); }
};

template <class T>
class [[nodiscard]] Task {
 public:
  using value_type = T;
  using promise_type = TaskPromiseOf<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle coroutine) noexcept : coroutine_(coroutine) {}
  Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  // Owns the frame, which so ends with the expression that awaits it.
  class Awaiter {
   public:
    explicit Awaiter(Handle coroutine) noexcept : coroutine_(coroutine) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    ~Awaiter() { coroutine_.destroy(); }

    bool await_ready() {
      coroutine_.resume();
      return coroutine_.done();
    }
    void await_suspend(std::coroutine_handle<> caller) noexcept {
      coroutine_.promise().caller = caller;
    }
    T await_resume() { return coroutine_.promise().take(); }

   private:
    Handle coroutine_;
  };
  // As to await the task itself, but its result stays in it and is not moved: co_await
  // task.finished(), then result().
  auto finished() noexcept {
    struct Finished {
      Handle coroutine;
      bool await_ready() const {
        coroutine.resume();
        return coroutine.done();
      }
      void await_suspend(std::coroutine_handle<> caller) const noexcept {
        coroutine.promise().caller = caller;
      }
      void await_resume() const { coroutine.promise().check(); }
    };
    return Finished{coroutine_};
  }
  // Lives as long as the task. REQUIRES: finished() was awaited.
  template <class U = T>
  U& result() noexcept {
    return coroutine_.promise().value();
  }

  Awaiter operator co_await() && noexcept { return Awaiter(std::exchange(coroutine_, nullptr)); }

 private:
  Handle coroutine_;
};

template <class T>
Task<T> TaskPromiseOf<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<TaskPromiseOf>::from_promise(*this));
}
inline Task<void> TaskPromiseOf<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromiseOf>::from_promise(*this));
}

}  // namespace weir
