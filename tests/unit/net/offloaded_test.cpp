#include "weir/net/offloaded.hpp"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>
#include <vector>

#include "support/run_task.hpp"
#include "weir/net/task_group.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

TEST(Offloaded, BringsTheResultBackToItsLoop) {
  Offload pool(2, 4);
  const auto value = run_task([&](net::Loop& loop) -> Task<std::string> {
    const auto here = std::this_thread::get_id();
    auto work = [] { return std::this_thread::get_id(); };
    const Result<std::thread::id> there =
        co_await net::offload(pool, loop, loop.now() + 5s, std::move(work));
    if (!there) co_return there.error().detail;
    if (*there == here) co_return "ran on the loop";
    co_return std::this_thread::get_id() == here ? "" : "came back elsewhere";
  });
  EXPECT_EQ(value, "");
}

TEST(Offloaded, AFullQueueFailsAtOnce) {
  Offload pool(1, 0);
  const auto result = run_task([&](net::Loop& loop) -> Task<Result<int>> {
    auto work = [] { return 1; };
    co_return co_await net::offload(pool, loop, no_deadline, std::move(work));
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, Reason::overloaded);
}

TEST(Offloaded, GivesUpAtTheDeadlineAndDropsWhatComesLate) {
  std::promise<void> let_go;
  auto released = let_go.get_future().share();
  bool skipped_ran = false;
  Offload pool(1, 4);
  const auto reason = run_task([&](net::Loop& loop) -> Task<Reason> {
    auto slow = [released] {
      released.wait();
      return std::make_unique<int>(1);
    };
    const Deadline soon = loop.now() + 20ms;
    const auto result = co_await net::offload(pool, loop, soon, std::move(slow));
    // Behind the slow one, and given up before it began.
    auto skipped = [&skipped_ran] { return skipped_ran = true; };
    const auto second = co_await net::offload(pool, loop, soon, std::move(skipped));
    let_go.set_value();
    // The late letter arrives before this result.
    auto after = [] { return 0; };
    const auto third = co_await net::offload(pool, loop, no_deadline, std::move(after));
    if (result || second || !third) co_return Reason::none;
    co_return result.error().reason;
  });
  EXPECT_EQ(reason, Reason::overloaded);
  EXPECT_FALSE(skipped_ran);
}

TEST(Offloaded, EndsWithItsScopeAndSkipsWhatHasNotBegun) {
  std::promise<void> let_go;
  auto released = let_go.get_future().share();
  bool skipped_ran = false;
  Offload pool(1, 4);
  run_task([&](net::Loop& loop) -> Task<bool> {
    CancelScope client;
    net::TaskGroup group(loop);
    std::vector<Reason> reasons;
    const auto wait_for = [&](bool& ran) -> Task<> {
      auto work = [released, &ran] {
        released.wait();
        return ran = true;
      };
      const auto result =
          co_await net::offload(pool, loop, no_deadline, std::move(work), {}, &client);
      reasons.push_back(result ? Reason::none : result.error().reason);
    };
    auto slow = std::make_shared<bool>(false);
    group.spawn(wait_for(*slow));
    group.spawn(wait_for(skipped_ran));
    client.cancel(Reason::client_closed);
    EXPECT_TRUE(co_await group.join(loop.now() + 8s));
    co_await wait_for(skipped_ran);
    EXPECT_EQ(reasons, std::vector<Reason>(3, Reason::client_closed));
    let_go.set_value();
    auto after = [] { return 0; };
    const auto last = co_await net::offload(pool, loop, no_deadline, std::move(after));
    co_return static_cast<bool>(last);
  });
  EXPECT_FALSE(skipped_ran);
}

}  // namespace
}  // namespace weir::test
