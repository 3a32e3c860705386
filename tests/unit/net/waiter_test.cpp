#include "weir/net/waiter.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "net/loop_run.hpp"

namespace weir::net {
namespace {

using namespace std::chrono_literals;

TEST(Waiter, ANotificationBeforeTheWaitIsNotLost) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    Waiter waiter(loop);
    waiter.notify();
    co_await waiter.wait(no_deadline);
    EXPECT_EQ(waiter.result(), Wake::notified);
    // And is used up.
    co_await waiter.wait(loop.now() + 5ms);
    EXPECT_EQ(waiter.result(), Wake::timeout);
  });
}

TEST(Waiter, ResetForgetsANotification) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    Waiter waiter(loop);
    waiter.notify();
    waiter.reset();
    co_await waiter.wait(loop.now() + 5ms);
    EXPECT_EQ(waiter.result(), Wake::timeout);
  });
}

TEST(Waiter, TimesOutNotBeforeTheDeadline) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    Waiter waiter(loop);
    // A short wait leaves its timer behind; the longer one must not end with it.
    for (const Duration time : {Duration(10ms), Duration(40ms), Duration(5ms), Duration(30ms)}) {
      const TimePoint end = loop.now() + time;
      co_await waiter.wait(end);
      EXPECT_EQ(waiter.result(), Wake::timeout);
      EXPECT_GE(loop.now(), end);
      EXPECT_LT(loop.now(), end + 2s);
    }
    const TimePoint before = loop.now();
    co_await waiter.wait(before - 1s);
    EXPECT_EQ(waiter.result(), Wake::timeout);
  });
}

TEST(Waiter, NotifyEndsAnEarlierWaitAndTheLaterDeadlineHolds) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    Waiter waiter(loop);
    TaskGroup group(loop);
    const auto notifier = [&]() -> Task<> {
      co_await pass(loop, 5ms);
      waiter.notify();
    };
    group.spawn(notifier());
    co_await waiter.wait(loop.now() + 20ms);
    EXPECT_EQ(waiter.result(), Wake::notified);
    const TimePoint end = loop.now() + 60ms;
    co_await waiter.wait(end);
    EXPECT_EQ(waiter.result(), Wake::timeout);
    EXPECT_GE(loop.now(), end);
    EXPECT_TRUE(co_await group.join());
  });
}

TEST(Waiter, AfterCancelEveryWaitEndsAtOnce) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    Waiter waiter(loop);
    TaskGroup group(loop);
    const auto canceller = [&]() -> Task<> {
      co_await pass(loop, 5ms);
      waiter.notify();
      waiter.cancel();
    };
    group.spawn(canceller());
    co_await waiter.wait(no_deadline);
    EXPECT_EQ(waiter.result(), Wake::cancelled);
    co_await waiter.wait(no_deadline);
    EXPECT_EQ(waiter.result(), Wake::cancelled);
    EXPECT_TRUE(co_await group.join());
  });
}

TEST(Waiter, NobodyIsResumedInsideNotify) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    Waiter waiter(loop);
    TaskGroup group(loop);
    bool resumed = false;
    const auto sleeper = [&]() -> Task<> {
      co_await waiter.wait(no_deadline);
      resumed = true;
    };
    group.spawn(sleeper());
    waiter.notify();
    EXPECT_FALSE(resumed);
    EXPECT_TRUE(co_await group.join());
    EXPECT_TRUE(resumed);
  });
}

TEST(Waiter, ManyWakeInTheOrderTheyWereNotified) {
  Loop loop;
  run_on(loop, [&]() -> Task<> {
    std::vector<std::unique_ptr<Waiter>> waiters;
    std::vector<int> order;
    TaskGroup group(loop);
    const auto sleeper = [&](int i) -> Task<> {
      co_await waiters[static_cast<std::size_t>(i)]->wait(no_deadline);
      order.push_back(i);
    };
    for (int i = 0; i < 5; ++i) {
      waiters.push_back(std::make_unique<Waiter>(loop));
      group.spawn(sleeper(i));
    }
    for (const int i : {3, 0, 4, 1, 2}) waiters[static_cast<std::size_t>(i)]->notify();
    EXPECT_TRUE(co_await group.join());
    EXPECT_EQ(order, (std::vector<int>{3, 0, 4, 1, 2}));
  });
}

}  // namespace
}  // namespace weir::net
