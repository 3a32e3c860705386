#include "weir/net/task_group.hpp"

#include <cassert>
#include <new>
#include <utility>

namespace weir::net {

TaskGroup::~TaskGroup() { assert(running_ == 0); }

void TaskGroup::spawn(Task<> task) { run(std::move(task)); }

TaskGroup::Root TaskGroup::run(Task<> task) {
  ++running_;
  try {
    co_await std::move(task);
  } catch (const std::bad_alloc&) {
    // The task's own memory is back by now; the others go on.
  }
  if (--running_ == 0) empty_.notify();
}

Task<bool> TaskGroup::join(Deadline deadline) {
  while (running_ != 0) {
    co_await empty_.wait(deadline);
    if (empty_.result() == Wake::timeout) co_return false;
  }
  co_return true;
}

}  // namespace weir::net
