// Runs one coroutine on a loop of its own, on the test's thread, to its end; aborts the test when
// that takes longer than ten seconds.
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <type_traits>
#include <utility>

#include "weir/net/loop.hpp"
#include "weir/net/task_group.hpp"
#include "weir/net/waiter.hpp"

namespace weir::test {

template <class Fn>
using TaskValue = typename std::invoke_result_t<Fn&, net::Loop&>::value_type;

template <class Fn>
Task<> keep_result(net::Loop& loop, Fn& fn, std::optional<TaskValue<Fn>>& out,
                   net::Waiter& watchdog) {
  out.emplace(co_await fn(loop));
  watchdog.notify();
}

inline Task<> stop_after(net::Loop& loop, net::Waiter& watchdog) {
  co_await watchdog.wait(Clock::now() + std::chrono::seconds(10));
  if (watchdog.result() == net::Wake::timeout) {
    std::fputs("a task of a test did not end within 10 s\n", stderr);
    std::abort();
  }
  loop.stop();
}

// The value of the Task that fn(net::Loop&) returns. REQUIRES: it is not a Task<>.
template <class Fn>
TaskValue<Fn> run_task(Fn fn) {
  std::optional<TaskValue<Fn>> out;
  net::Loop loop;
  net::Waiter watchdog(loop);
  {
    net::TaskGroup tasks(loop);
    tasks.spawn(keep_result(loop, fn, out, watchdog));
    tasks.spawn(stop_after(loop, watchdog));
    loop.run();
  }
  return std::move(*out);
}

}  // namespace weir::test
