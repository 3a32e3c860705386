// What a cluster makes of priorities, health, keys and weights that grow.
#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "upstream/balancing_case.hpp"

namespace weir::upstream {
namespace {

using config::LoadBalancing;
using control::EndpointHealth;

constexpr LoadBalancing every_policy[] = {LoadBalancing::round_robin, LoadBalancing::least_requests,
                                          LoadBalancing::random_two, LoadBalancing::peak_ewma,
                                          LoadBalancing::hash};

TEST_F(BalancingTest, TheLowestPriorityTakesEverything) {
  for (const LoadBalancing policy : every_policy) {
    serve({1, 0, 1, 0}, policy);
    for (const auto& [where, count] : spread(20))
      EXPECT_TRUE(where == "1" || where == "3") << where;
  }
}

TEST_F(BalancingTest, WhatATierCannotTakeSpills) {
  for (const LoadBalancing policy : every_policy) {
    serve({0, 0, 1}, policy);
    set_state(0, EndpointState::drain);
    Counts got = spread(100);
    EXPECT_EQ(got["0"], 0);
    EXPECT_NEAR(got["1"], 70, 2);
    EXPECT_NEAR(got["2"], 30, 2);
    set_state(1, EndpointState::down);
    EXPECT_EQ(spread(10), (Counts{{"2", 10}}));
    set_state(0, EndpointState::ready);
    set_state(1, EndpointState::ready);
    got = spread(10);
    EXPECT_EQ(got["0"] + got["1"], 10);
  }
}

TEST_F(BalancingTest, ATierOfLastChoicesSpillsToo) {
  Refusing dead;
  serve({0, 1});
  upstream_.endpoints[0].address = dead.text();
  make();
  EXPECT_EQ(spread(10), (Counts{{"1", 10}}));
  EXPECT_FALSE(cluster_->describe().endpoints[0].healthy());
  set_state(1, EndpointState::down);
  EXPECT_EQ(spread(1), (Counts{{"connect_failed", 1}})) << "better than nobody";
}

TEST_F(BalancingTest, AFullTierSpillsBeforeARequestWaits) {
  serve({0, 1});
  upstream_.pool.in_flight = 1;
  make();
  run([&]() -> Task<> {
    auto first = co_await lease_of(*cluster_, loop());
    auto second = co_await lease_of(*cluster_, loop());
    EXPECT_TRUE(first && second);
    if (!first || !second) co_return;
    EXPECT_EQ(first->endpoint().address(), address(0));
    EXPECT_EQ(second->endpoint().address(), address(1));
  });
}

TEST_F(BalancingTest, WhoIsOutByHealthGetsNothing) {
  for (const LoadBalancing policy : every_policy) {
    serve({0, 0, 0}, policy);
    set_health(1, false);
    Counts got = spread(40);
    EXPECT_EQ(got["1"], 0);
    EXPECT_EQ(got["0"] + got["2"], 40);
    EXPECT_FALSE(cluster_->describe().panic);
    EXPECT_EQ(cluster_->describe().endpoints[1].effective_weight, 0);
    set_health(1, true);
    EXPECT_GT(spread(400)["1"] + (policy == LoadBalancing::peak_ewma ? 1 : 0), 0);
  }
}

TEST_F(BalancingTest, WithTooFewHealthyOnesHealthIsIgnored) {
  serve({0, 0, 0});
  set_health(0, false);
  set_health(1, false);
  EXPECT_EQ(spread(30), (Counts{{"0", 10}, {"1", 10}, {"2", 10}}));
  EXPECT_TRUE(cluster_->describe().panic);
  EXPECT_EQ(spread(30, {.may_panic = false}), (Counts{{"2", 30}}));
  set_state(1, EndpointState::down);
  set_state(2, EndpointState::drain);
  EXPECT_EQ(spread(10), (Counts{{"0", 10}})) << "an operator is never ignored";
  EXPECT_EQ(spread(1, {.may_panic = false}), (Counts{{"no_healthy_endpoint", 1}}));
}

TEST_F(BalancingTest, PanicCanBeOff) {
  serve({0, 0});
  upstream_.load_balancer.panic_threshold = 0;
  make();
  set_health(0, false);
  EXPECT_EQ(spread(10), (Counts{{"1", 10}}));
  set_health(1, false);
  EXPECT_EQ(spread(1), (Counts{{"no_healthy_endpoint", 1}}));
  EXPECT_FALSE(cluster_->describe().panic);
}

TEST_F(BalancingTest, AnotherTierIsBetterThanPanic) {
  serve({0, 0, 1});
  set_health(0, false);
  set_health(1, false);
  EXPECT_EQ(spread(10), (Counts{{"2", 10}}));
  EXPECT_FALSE(cluster_->describe().panic);
}

TEST_F(BalancingTest, AKeyKeepsItsEndpoint) {
  serve({0, 0, 0, 0}, LoadBalancing::hash);
  std::vector<std::string> place(200);
  for (std::uint64_t key = 0; key < place.size(); ++key) {
    const Counts got = spread(3, {.key = key * 0x9e3779b97f4a7c15});
    ASSERT_EQ(got.size(), 1u);
    place[key] = got.begin()->first;
  }
  set_state(2, EndpointState::drain);
  int moved = 0;
  for (std::uint64_t key = 0; key < place.size(); ++key) {
    const Counts got = spread(1, {.key = key * 0x9e3779b97f4a7c15});
    if (place[key] == "2") {
      ++moved;
      EXPECT_NE(got.begin()->first, "2");
    } else {
      EXPECT_EQ(got.begin()->first, place[key]);
    }
  }
  EXPECT_NEAR(moved, 50, 30);
}

// Who found no idle connection leaves its choice behind if it does not go on.
TEST_F(BalancingTest, AKeyDoesNotGetWhatAnotherOneLeft) {
  serve({0, 0, 0, 0}, LoadBalancing::hash);
  for (std::uint64_t key = 0; key < 40; ++key) {
    make();
    const Counts alone = spread(1, {.key = key * 0x9e3779b97f4a7c15});
    make();
    run([&]() -> Task<> {
      EXPECT_FALSE(cluster_->try_acquire(0, Tried(), {.key = ~key * 0x9e3779b97f4a7c15}));
      co_return;
    });
    EXPECT_EQ(spread(1, {.key = key * 0x9e3779b97f4a7c15}), alone);
  }
}

TEST_F(BalancingTest, WithoutAKeyTheLeastLoadedIsTaken) {
  serve({0, 0}, LoadBalancing::hash);
  run([&]() -> Task<> {
    auto first = co_await lease_of(*cluster_, loop());
    auto second = co_await lease_of(*cluster_, loop());
    EXPECT_TRUE(first && second);
    if (!first || !second) co_return;
    EXPECT_NE(first->endpoint().address(), second->endpoint().address());
  });
}

TEST_F(BalancingTest, SlowAnswersAndErrorsAreAvoided) {
  struct Row {
    const char* name;
    TryOutcome outcome;
  };
  const Row rows[] = {
      {"slow", {control::CallEnd::answered, 200, 300ms}},
      {"503 at once", {control::CallEnd::answered, 503, 1ms}},
      {"reset at once", {control::CallEnd::reset, 0, 1ms}},
  };
  for (const Row& row : rows) {
    serve({0, 0}, LoadBalancing::peak_ewma);
    (void)spread(4);
    const auto all = cluster_->describe().endpoints;
    run([&]() -> Task<> {
      cluster_->tried(0, *all[0].endpoint, row.outcome);
      cluster_->tried(0, *all[1].endpoint, {control::CallEnd::answered, 200, 5ms});
      co_return;
    });
    EXPECT_EQ(spread(20), (Counts{{"1", 20}})) << row.name;
  }
}

TEST_F(BalancingTest, NewEndpointsStartSlowly) {
  serve({0, 0});
  upstream_.load_balancer.slow_start = 1h;
  make();
  (void)spread(1);
  EXPECT_EQ(cluster_->describe().endpoints[1].effective_weight, 1) << "not at the start";
  upstream_.endpoints.push_back({origins_[2].text(), 1});
  cluster_->apply(upstream_);
  EXPECT_DOUBLE_EQ(cluster_->describe().endpoints[2].effective_weight, 0.1);
  Counts got = spread(210);
  EXPECT_NEAR(got["0"], 100, 2);
  EXPECT_NEAR(got["2"], 10, 2);
}

TEST_F(BalancingTest, WhoIsBackStartsSlowly) {
  serve({0, 0});
  upstream_.load_balancer.slow_start = 1h;
  make();
  (void)spread(1);
  struct Row {
    const char* name;
    std::function<void()> out;
    std::function<void()> back;
  };
  const Row rows[] = {
      {"by its health", [&] { set_health(1, false); }, [&] { set_health(1, true); }},
      {"by an operator", [&] { set_state(1, EndpointState::down); },
       [&] { set_state(1, EndpointState::ready); }},
      {"by an operator's reset", [&] { set_state(1, EndpointState::drain); },
       [&] { cluster_->reset_endpoint(address(1)); }},
  };
  for (const Row& row : rows) {
    make();
    (void)spread(1);
    row.out();
    EXPECT_EQ(spread(10), (Counts{{"0", 10}})) << row.name;
    row.back();
    EXPECT_NEAR(spread(110)["1"], 10, 2) << row.name;
  }
}

TEST_F(BalancingTest, AWeightGrowsWithoutAnybodysDoing) {
  serve({0, 0});
  upstream_.load_balancer.slow_start = 200ms;
  make();
  (void)spread(1);
  set_state(1, EndpointState::down);
  (void)spread(1);
  set_state(1, EndpointState::ready);
  (void)spread(1);
  run([&]() -> Task<> {
    co_await until(loop(), [&] { return cluster_->describe().endpoints[1].effective_weight == 1; });
  });
  // The worker's timer may be a moment late.
  EXPECT_NEAR(spread(40)["1"], 20, 1);
}

TEST_F(BalancingTest, WhoWasOutOfReachStartsSlowly) {
  Refusing dead;
  serve({0, 0});
  upstream_.load_balancer.slow_start = 1h;
  upstream_.endpoints[1].address = dead.text();
  make();
  (void)spread(4);
  dead.listen();
  run([&]() -> Task<> {
    // The next connect is tried after a second, beside a request.
    EXPECT_TRUE(co_await until(loop(), [&] {
      if (auto lease = cluster_->try_acquire(0, Tried())) lease->give_back();
      return cluster_->describe().endpoints[1].healthy();
    }));
  });
  EXPECT_LT(cluster_->describe().endpoints[1].effective_weight, 0.2);
}

TEST_F(BalancingTest, AnOldConnectionIsNotUsedAgain) {
  serve({0});
  upstream_.pool.connection_age = 200ms;
  make();
  run([&]() -> Task<> {
    auto first = co_await lease_of(*cluster_, loop());
    EXPECT_TRUE(first);
    if (!first) co_return;
    first->give_back();
    auto second = cluster_->try_acquire(0, Tried());
    EXPECT_TRUE(second && second->reused());
    if (!second) co_return;
    const TimePoint later = loop().now() + 250ms;
    co_await until(loop(), [&] { return loop().now() > later; });
    second->give_back();
    EXPECT_EQ(cluster_->describe().endpoints[0].idle_connections, 0u);

    auto third = co_await lease_of(*cluster_, loop());
    EXPECT_TRUE(third && !third->reused());
    if (!third) co_return;
    third->give_back();
    EXPECT_EQ(cluster_->describe().endpoints[0].idle_connections, 1u);
    const TimePoint end = loop().now() + 250ms;
    co_await until(loop(), [&] { return loop().now() > end; });
    EXPECT_FALSE(cluster_->try_acquire(0, Tried())) << "one that grew old while idle";
  });
}

}  // namespace
}  // namespace weir::upstream
