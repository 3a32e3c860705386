#include "weir/net/task_group.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cassert>
#include <exception>
#include <new>
#include <utility>

namespace weir::net {

TaskGroup::~TaskGroup() { assert(running_ == 0); }

void TaskGroup::spawn(Task<> task) {
  ++running_;
  asio::co_spawn(loop_.executor(), run(std::move(task)), asio::detached);
  // Asio posts a coroutine's beginning.
  loop_.run_posted();
}

// Counted down here and not in a completion handler, which may come later than the task's end.
Task<> TaskGroup::run(Task<> task) {
  try {
    co_await std::move(task);
  } catch (const std::bad_alloc&) {
    // The task's own memory is back by now; the others go on.
  } catch (...) {
    std::terminate();
  }
  if (--running_ == 0) empty_.notify();
  // ... and its end.
  loop_.expect_posted();
}

Task<bool> TaskGroup::join(Deadline deadline) {
  while (running_ != 0) {
    co_await empty_.wait(deadline);
    if (empty_.result() == Wake::timeout) co_return false;
  }
  co_return true;
}

}  // namespace weir::net
