#include "weir/net/task_group.hpp"

#include <gtest/gtest.h>

#include <new>

#include "allocation_count.hpp"
#include "net/loop_run.hpp"

namespace weir::net {
namespace {

using namespace std::chrono_literals;

TEST(TaskGroup, StartsATaskBeforeSpawnReturns) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    TaskGroup group(loop);
    bool started = false;
    const auto task = [&]() -> Task<> {
      started = true;
      co_await pass(loop, 5ms);
    };
    group.spawn(task());
    EXPECT_TRUE(started);
    EXPECT_EQ(group.size(), 1u);
    EXPECT_TRUE(co_await group.join());
    EXPECT_EQ(group.size(), 0u);
  });
}

TEST(TaskGroup, JoinGivesUpAtTheDeadlineAndCanBeTriedAgain) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    TaskGroup group(loop);
    Waiter go(loop);
    const auto task = [&]() -> Task<> { co_await go.wait(no_deadline); };
    group.spawn(task());
    EXPECT_FALSE(co_await group.join(loop.now() + 10ms));
    go.notify();
    EXPECT_TRUE(co_await group.join(loop.now() + 5s));
    // A group that was empty once is usable again.
    group.spawn(pass(loop, 5ms));
    EXPECT_TRUE(co_await group.join(loop.now() + 5s));
    EXPECT_TRUE(co_await group.join());
  });
}

TEST(TaskGroup, ItsEndIsWaitedForWithoutMemory) {
  if (!counts_allocations()) GTEST_SKIP() << "a sanitizer has its own operator new";
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    TaskGroup group(loop);
    // It was empty once: that is no end of what runs now.
    group.spawn(pass(loop, 1ms));
    EXPECT_TRUE(co_await group.join());
    group.spawn(pass(loop, 1ms));
    group.spawn(pass(loop, 5ms));
    const std::size_t before = allocation_count();
    while (group.size() != 0) co_await group.ended();
    EXPECT_EQ(allocation_count(), before);
    EXPECT_EQ(group.size(), 0u);
  });
}

TEST(TaskGroup, OutOfMemoryEndsOnlyTheTask) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    TaskGroup group(loop);
    const auto task = [&]() -> Task<> {
      co_await pass(loop, 1ms);
      throw std::bad_alloc();
    };
    group.spawn(task());
    EXPECT_TRUE(co_await group.join());
  });
}

}  // namespace
}  // namespace weir::net
