// Runs a coroutine of a test on a Loop in the test's own thread, for a bounded time.
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "weir/base/task.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/task_group.hpp"
#include "weir/net/waiter.hpp"

namespace weir::net {

// Ends the process when a test hangs: its coroutines cannot be taken apart from outside.
class Watchdog final : public Timer {
 private:
  void expire(TimePoint) noexcept override {
    std::fputs("the test's coroutine did not end in 20 seconds\n", stderr);
    std::abort();
  }
};

// Runs `loop` until the task that `body()` makes has ended. Once a Loop.
template <class Body>
void run_on(Loop& loop, Body&& body) {
  Watchdog watchdog;
  TaskGroup group(loop);
  loop.wheel().schedule(watchdog, Clock::now() + std::chrono::seconds(20));
  const auto whole = [&]() -> Task<> {
    co_await body();
    loop.stop();
  };
  group.spawn(whole());
  loop.run();
}

// Returns after `time`.
inline Task<> pass(Loop& loop, Duration time) {
  Waiter waiter(loop);
  co_await waiter.wait(loop.now() + time);
}

// Whether `condition()` comes true within five seconds.
template <class Condition>
Task<bool> until(Loop& loop, Condition condition) {
  const TimePoint end = loop.now() + std::chrono::seconds(5);
  while (!condition()) {
    if (loop.now() >= end) co_return false;
    co_await pass(loop, std::chrono::milliseconds(1));
  }
  co_return true;
}

}  // namespace weir::net
