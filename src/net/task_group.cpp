#include "weir/net/task_group.hpp"

#include <boost/asio/co_spawn.hpp>
#include <cassert>
#include <exception>
#include <new>
#include <utility>

namespace weir::net {

TaskGroup::~TaskGroup() { assert(running_ == 0); }

void TaskGroup::spawn(Task<> task) {
  ++running_;
  asio::co_spawn(loop_.executor(), std::move(task), [this](std::exception_ptr failure) {
    --running_;
    if (running_ == 0) empty_.notify();
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::bad_alloc&) {
      // The task's own memory is back by now; the others go on.
    }
  });
}

Task<bool> TaskGroup::join(Deadline deadline) {
  while (running_ != 0) {
    co_await empty_.wait(deadline);
    if (empty_.result() == Wake::timeout) co_return false;
  }
  co_return true;
}

}  // namespace weir::net
