#include "weir/net/sleep.hpp"

#include <gtest/gtest.h>

#include "support/run_task.hpp"

namespace weir::net {
namespace {

using namespace std::chrono_literals;

TEST(Sleep, EndsAtItsTimeOrWithItsScope) {
  weir::test::run_task([](Loop& loop) -> Task<bool> {
    const TimePoint end = loop.now() + 5ms;
    CancelScope scope;
    EXPECT_TRUE(co_await sleep_until(loop, end, &scope));
    EXPECT_GE(loop.now(), end);
    TaskGroup group(loop);
    bool slept = true;
    const auto sleeper = [&]() -> Task<> {
      slept = co_await sleep_until(loop, no_deadline, &scope);
    };
    group.spawn(sleeper());
    scope.cancel(Reason::client_closed);
    EXPECT_TRUE(co_await group.join(loop.now() + 8s));
    EXPECT_FALSE(slept);
    EXPECT_FALSE(co_await sleep_until(loop, no_deadline, &scope)) << "cancelled before";
    co_return true;
  });
}

}  // namespace
}  // namespace weir::net
