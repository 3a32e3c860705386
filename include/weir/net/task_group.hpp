// Spawned coroutines that somebody waits for: every task belongs to a group, and the group is
// joined before what the tasks refer to goes away. Worker thread only.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>

#include "weir/base/task.hpp"
#include "weir/net/loop.hpp"

namespace weir::net {

class TaskGroup {
 public:
  explicit TaskGroup(Loop& loop) noexcept : empty_(loop) {}
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Starts `task` before returning. What it throws ends the process, bad_alloc aside:
  // tasks answer for themselves.
  void spawn(Task<> task);
  std::size_t size() const noexcept { return running_; }
  // Returns when no task runs, or at the deadline. One joiner at a time.
  Task<bool> join(Deadline deadline = no_deadline);
  // The same without a deadline, where there may be no memory for a coroutine:
  // while (group.size() != 0) co_await group.ended();
  auto ended() noexcept {
    empty_.reset();
    return empty_.wait(no_deadline);
  }

 private:
  // A coroutine that nobody awaits: begins at once, and its frame goes at its end.
  struct Root {
    struct promise_type : Cached {
      Root get_return_object() const noexcept { return {}; }
      std::suspend_never initial_suspend() const noexcept { return {}; }
      std::suspend_never final_suspend() const noexcept { return {}; }
      void return_void() const noexcept {}
      void unhandled_exception() const noexcept { std::terminate(); }
    };
  };
  Root run(Task<> task);

  std::size_t running_ = 0;
  Waiter empty_;
};

}  // namespace weir::net
