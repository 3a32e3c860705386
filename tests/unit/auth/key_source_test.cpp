#include "auth/key_source.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "support/run_task.hpp"
#include "weir/net/task_group.hpp"

namespace weir::auth {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<const KeySet> keys() {
  return KeySet::from_secret(std::string(32, 's'), Algorithms::all()).value();
}

Task<> wait_for(KeySource& source, net::Loop& loop, Deadline deadline, int& returned) {
  co_await source.fetched(loop, deadline);
  ++returned;
}

TEST(KeySource, OneFetchServesAllWhoWait) {
  int wakes = 0;
  const TimePoint start = Clock::now();
  KeySource source(start, [&wakes] { ++wakes; });
  EXPECT_EQ(source.keys(), nullptr);
  EXPECT_EQ(source.due(), start);
  source.begin_fetch();
  EXPECT_EQ(source.due(), TimePoint::max());
  EXPECT_TRUE(source.ask(start + 1s));
  EXPECT_EQ(wakes, 0) << "it runs already";

  const std::uint64_t before = source.generation();
  int returned = 0;
  const bool joined = weir::test::run_task([&](net::Loop& loop) -> Task<bool> {
    net::TaskGroup waiting(loop);
    for (int i = 0; i < 3; ++i) waiting.spawn(wait_for(source, loop, no_deadline, returned));
    EXPECT_EQ(returned, 0);
    source.publish(keys());
    source.end_fetch(true, 1h, Clock::now());
    co_return co_await waiting.join(Clock::now() + 8s);
  });
  EXPECT_TRUE(joined);
  EXPECT_EQ(returned, 3);
  EXPECT_NE(source.keys(), nullptr);
  EXPECT_NE(source.generation(), before);
}

// Its question came before the other's by the clocks of their workers, and after it in truth.
TEST(KeySource, AWorkerWhoseClockIsBehindWaitsToo) {
  KeySource source(Clock::now(), [] {});
  source.begin_fetch();
  source.publish(keys());
  source.end_fetch(true, 1h, Clock::now());
  const TimePoint ahead = Clock::now() + 1h / 2;
  int returned = 0;
  EXPECT_TRUE(weir::test::run_task([&](net::Loop& loop) -> Task<bool> {
    EXPECT_TRUE(source.ask(ahead));
    EXPECT_TRUE(source.ask(loop.now()));
    net::TaskGroup waiting(loop);
    waiting.spawn(wait_for(source, loop, no_deadline, returned));
    EXPECT_EQ(returned, 0);
    source.begin_fetch();
    source.end_fetch(true, 1h, Clock::now());
    co_return co_await waiting.join(Clock::now() + 8s);
  }));
  EXPECT_EQ(returned, 1);
}

TEST(KeySource, WaitsNoLongerThanAsked) {
  KeySource source(Clock::now(), [] {});
  source.begin_fetch();
  int returned = 0;
  EXPECT_TRUE(weir::test::run_task([&](net::Loop& loop) -> Task<bool> {
    net::TaskGroup waiting(loop);
    waiting.spawn(wait_for(source, loop, loop.now() + 1ms, returned));
    co_return co_await waiting.join(Clock::now() + 8s);
  }));
  EXPECT_EQ(returned, 1);
  // Who waited has left: nobody is told.
  source.end_fetch(false, std::nullopt, Clock::now());
  EXPECT_EQ(source.keys(), nullptr);
}

TEST(KeySource, EndsTheWaitOfOneWhoLeavesAndNoOther) {
  KeySource source(Clock::now(), [] {});
  source.begin_fetch();
  int returned = 0;
  EXPECT_TRUE(weir::test::run_task([&](net::Loop& loop) -> Task<bool> {
    CancelScope client;
    net::TaskGroup leaves(loop);
    net::TaskGroup stays(loop);
    const auto leaver = [&]() -> Task<> { co_await source.fetched(loop, no_deadline, &client); };
    leaves.spawn(leaver());
    stays.spawn(wait_for(source, loop, no_deadline, returned));
    client.cancel(Reason::client_closed);
    const bool left = co_await leaves.join(Clock::now() + 8s);
    EXPECT_EQ(returned, 0);
    // Who was cancelled before does not begin to wait.
    co_await source.fetched(loop, no_deadline, &client);
    source.end_fetch(false, std::nullopt, Clock::now());
    const bool told = co_await stays.join(Clock::now() + 8s);
    co_return left&& told;
  }));
  EXPECT_EQ(returned, 1);
}

TEST(KeySource, AskingWakesWhoFetchesOnce) {
  int wakes = 0;
  const TimePoint start = Clock::now();
  KeySource source(start, [&wakes] { ++wakes; });
  source.begin_fetch();
  source.publish(keys());
  source.end_fetch(true, 1h, start);
  EXPECT_TRUE(source.ask(start + 1s));
  EXPECT_EQ(wakes, 1);
  source.begin_fetch();
  source.end_fetch(true, 1h, start + 1s);
  EXPECT_FALSE(source.ask(start + 2s)) << "anybody can send unknown keys";
  EXPECT_EQ(wakes, 1);
}

TEST(KeySource, OfAFileNothingIsFetched) {
  KeySource source(keys());
  EXPECT_EQ(source.due(), TimePoint::max());
  EXPECT_FALSE(source.ask(Clock::now()));
  EXPECT_TRUE(weir::test::run_task([&](net::Loop& loop) -> Task<bool> {
    co_await source.fetched(loop, no_deadline);
    co_return true;
  })) << "at once";
}

}  // namespace
}  // namespace weir::auth
