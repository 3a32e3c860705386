// What a cluster makes of priorities, health, keys and weights that grow.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "upstream/cluster_case.hpp"
#include "weir/net/task_group.hpp"

namespace weir::upstream {
namespace {

using config::LoadBalancing;
using control::EndpointHealth;

constexpr LoadBalancing every_policy[] = {LoadBalancing::round_robin, LoadBalancing::least_requests,
                                          LoadBalancing::random_two, LoadBalancing::peak_ewma,
                                          LoadBalancing::hash};

// A loop on a thread of its own, on which tasks are run one after the other.
class LoopThread {
 public:
  LoopThread() : group_(loop), thread_([this] { loop.run(); }) {}
  ~LoopThread() {
    loop.mailbox().post([this] { loop.stop(); });
    thread_.join();
  }

  // Returns when the task that `body()` makes has ended.
  template <class Body>
  void run(Body body) {
    std::promise<void> ended;
    const auto whole = [&]() -> Task<> {
      co_await body();
      ended.set_value();
    };
    loop.mailbox().post([&] { group_.spawn(whole()); });
    const auto done = ended.get_future();
    if (done.wait_for(20s) == std::future_status::ready) return;
    // What it refers to is on this stack.
    std::fputs("the test's coroutine did not end in 20 seconds\n", stderr);
    std::abort();
  }

  net::Loop loop;

 private:
  net::TaskGroup group_;
  std::thread thread_;
};

// A cluster of origins on one loop; where requests go, one after the other.
class BalancingTest : public testing::Test {
 protected:
  BalancingTest() : origins_(4) {}
  ~BalancingTest() override { leave(); }

  // An endpoint for each priority.
  void serve(const std::vector<std::uint32_t>& priorities,
             LoadBalancing policy = LoadBalancing::round_robin) {
    upstream_ = {};
    upstream_.name = "orders";
    upstream_.load_balancer.policy = policy;
    for (std::size_t i = 0; i < priorities.size(); ++i) {
      upstream_.endpoints.push_back({origins_[i].text(), 1, priorities[i]});
    }
    make();
  }
  void make() {
    leave();
    cluster_ = cluster_on(upstream_, {&thread_.loop});
  }
  void leave() {
    if (!cluster_) return;
    run([&]() -> Task<> {
      cluster_->leave(0);
      cluster_.reset();
      co_return;
    });
  }
  template <class Body>
  void run(Body body) {
    thread_.run(body);
  }

  const std::string& address(std::size_t i) const { return upstream_.endpoints[i].address; }

  // By index; "no_healthy_endpoint" and the like by their name.
  std::map<std::string, int> spread(int requests, Caller caller = {}) {
    std::map<std::string, int> out;
    run([&]() -> Task<> {
      for (int n = 0; n < requests; ++n) {
        Tried tried;
        std::optional<Lease> lease = cluster_->try_acquire(0, tried, caller);
        if (!lease) {
          auto acquired = co_await cluster_->acquire(0, tried, loop().now() + 10s, caller);
          if (!acquired) {
            ++out[std::string(info(acquired.error().reason).name)];
            continue;
          }
          lease = std::move(*acquired);
        }
        const auto at = std::ranges::find(upstream_.endpoints, lease->endpoint().address(),
                                          &config::EndpointSpec::address);
        ++out[std::to_string(at - upstream_.endpoints.begin())];
        lease->give_back();
      }
    });
    return out;
  }

  // As health checks do it.
  void set_health(std::size_t i, bool healthy) {
    auto& health =
        const_cast<EndpointHealth&>(cluster_->describe().endpoints[i].endpoint->health());
    if (healthy) {
      health.let_in(EndpointHealth::Out::checks, Clock::now());
    } else {
      health.take_out(EndpointHealth::Out::checks);
    }
    look_again();
  }
  void look_again() {
    cluster_->set_endpoint(address(0), {}, cluster_->describe().endpoints[0].weight);
  }
  void set_state(std::size_t i, EndpointState state) {
    EXPECT_TRUE(cluster_->set_endpoint(address(i), state, {}));
  }

  using Counts = std::map<std::string, int>;

  net::Loop& loop() { return thread_.loop; }

  LoopThread thread_;
  std::vector<net::Origin> origins_;
  config::Upstream upstream_;
  std::shared_ptr<Cluster> cluster_;
};

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
