#include "weir/base/task.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "net/loop_run.hpp"

namespace weir {
namespace {

using net::Loop;

Task<int> at_once(int value) { co_return value; }
Task<int> later(Loop& loop, int value) {
  co_await net::pass(loop, std::chrono::milliseconds(1));
  co_return value;
}

TEST(Task, BeginsWhenItIsAwaited) {
  Loop loop;
  net::run_on(loop, [&]() -> Task<> {
    bool begun = false;
    const auto body = [&]() -> Task<> {
      begun = true;
      co_return;
    };
    Task<> task = body();
    EXPECT_FALSE(begun);
    co_await std::move(task);
    EXPECT_TRUE(begun);
  });
}

TEST(Task, OneThatIsNeverAwaitedNeverRuns) {
  const auto owned = std::make_shared<int>(1);
  {
    const auto body = [](std::shared_ptr<int>) -> Task<> { co_return; };
    const Task<> task = body(owned);
    EXPECT_EQ(owned.use_count(), 2);
  }
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(Task, ManyThatNeverWaitDoNotGrowTheStack) {
  Loop loop;
  net::run_on(loop, [&]() -> Task<> {
    long sum = 0;
    for (int i = 0; i < 1'000'000; ++i) sum += co_await at_once(i);
    EXPECT_EQ(sum, 499'999'500'000);
  });
}

Task<int> nested(Loop& loop, int depth) {
  if (depth == 0) co_return co_await later(loop, 0);
  co_return 1 + co_await nested(loop, depth - 1);
}

TEST(Task, EndsThatFollowOneAnotherDoNotGrowTheStack) {
  Loop loop;
  net::run_on(loop, [&]() -> Task<> {
    int sum = 0;
    for (int i = 0; i < 100; ++i) sum += co_await nested(loop, 200);
    EXPECT_EQ(sum, 20'000);
  });
}

TEST(Task, BringsMoveOnlyValuesAndExceptions) {
  Loop loop;
  net::run_on(loop, [&]() -> Task<> {
    const auto make = [&](bool wait) -> Task<std::unique_ptr<std::string>> {
      if (wait) co_await net::pass(loop, std::chrono::milliseconds(1));
      co_return std::make_unique<std::string>("here");
    };
    EXPECT_EQ(*co_await make(false), "here");
    EXPECT_EQ(*co_await make(true), "here");
    for (const bool wait : {false, true}) {
      const auto fail = [&](bool first) -> Task<int> {
        if (first) co_await net::pass(loop, std::chrono::milliseconds(1));
        throw std::runtime_error("no");
      };
      std::string why;
      try {
        co_await fail(wait);
      } catch (const std::runtime_error& error) {
        why = error.what();
      }
      EXPECT_EQ(why, "no");
    }
  });
}

TEST(Task, ItsFrameEndsWithTheExpressionThatAwaitsIt) {
  Loop loop;
  net::run_on(loop, [&]() -> Task<> {
    const auto owned = std::make_shared<int>(1);
    const auto body = [](std::shared_ptr<int>) -> Task<> { co_return; };
    Task<> task = body(owned);
    co_await std::move(task);
    EXPECT_EQ(owned.use_count(), 1);
  });
}

}  // namespace
}  // namespace weir
