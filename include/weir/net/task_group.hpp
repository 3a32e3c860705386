// Spawned coroutines that somebody waits for: every task belongs to a group, and the group is
// joined before what the tasks refer to goes away. Worker thread only.
#pragma once

#include <cstddef>

#include "weir/base/task.hpp"
#include "weir/net/loop.hpp"

namespace weir::net {

class TaskGroup {
 public:
  explicit TaskGroup(Loop& loop) noexcept : loop_(loop), empty_(loop) {}
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Starts `task` before returning. What it throws ends the process, bad_alloc aside:
  // tasks answer for themselves.
  void spawn(Task<> task);
  std::size_t size() const noexcept { return running_; }
  // Returns when no task runs, or at the deadline. One joiner at a time.
  Task<bool> join(Deadline deadline = no_deadline);

 private:
  Task<> run(Task<> task);

  Loop& loop_;
  std::size_t running_ = 0;
  Waiter empty_;
};

}  // namespace weir::net
