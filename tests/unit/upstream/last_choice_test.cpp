// Endpoints whose connects fail: the last choice, tried again by one at a time, waited for by
// nobody else.
#include <algorithm>
#include <functional>

#include "upstream/cluster_case.hpp"

namespace weir::upstream {
namespace {

using config::LoadBalancing;

constexpr LoadBalancing policies[] = {LoadBalancing::round_robin, LoadBalancing::least_requests,
                                      LoadBalancing::random_two};

// What became of one request: where it went, and how many connects failed before.
struct Went {
  std::string to;
  std::size_t failed = 0;
};

Task<Went> request(Cluster& cluster, net::Loop& loop, unsigned worker = 0) {
  Tried tried;
  std::optional<Lease> lease = cluster.try_acquire(worker, tried);
  if (!lease) {
    auto acquired = co_await cluster.acquire(worker, tried, loop.now() + 10s, {});
    if (!acquired) co_return Went{std::string(name(acquired.error().reason)), tried.size()};
    lease.emplace(std::move(*acquired));
  }
  Went went{lease->endpoint().address(), tried.size()};
  lease->give_back();
  co_return went;
}

std::optional<control::ConnectBackoff::Failure> failure_of(const Cluster& cluster,
                                                           std::size_t endpoint) {
  return cluster.describe().endpoints[endpoint].failure;
}

TEST(LastChoice, OneRequestMeetsWhoRefuses) {
  for (const LoadBalancing policy : policies) {
    net::Loop loop;
    const Refusing dead;
    Origin alive;
    auto upstream = upstream_of({dead.text(), alive.text()});
    upstream.load_balancer.policy = policy;
    const auto cluster = cluster_on(upstream, {&loop});
    run_on(loop, [&]() -> Task<> {
      std::size_t failed = 0;
      for (int n = 0; n < 40; ++n) {
        const Went went = co_await request(*cluster, loop);
        EXPECT_EQ(went.to, alive.text());
        failed += went.failed;
      }
      EXPECT_LE(failed, 1u);
      if (policy != LoadBalancing::random_two) {
        EXPECT_EQ(failed, 1u);
        const auto failure = failure_of(*cluster, 0);
        EXPECT_TRUE(failure && failure->cause == "refused");
        EXPECT_FALSE(cluster->describe().endpoints[0].healthy());
      }
      EXPECT_TRUE(cluster->describe().endpoints[1].healthy());
    });
    cluster->leave(0);
  }
}

TEST(LastChoice, ARetriedConnectDoesNotMoveTheTurn) {
  net::Loop loop;
  const Refusing dead;
  Origin first;
  Origin second;
  const auto cluster = cluster_on(upstream_of({dead.text(), first.text(), second.text()}), {&loop});
  run_on(loop, [&]() -> Task<> {
    std::vector<std::string> went;
    for (int n = 0; n < 4; ++n) went.push_back((co_await request(*cluster, loop)).to);
    EXPECT_EQ(went,
              (std::vector<std::string>{first.text(), first.text(), second.text(), first.text()}));
  });
  cluster->leave(0);
}

TEST(LastChoice, NobodyButOneWaitsForWhoIsSilent) {
  const Unanswering dead;
  if (!dead.hangs()) GTEST_SKIP() << "this kernel answers every connect";
  for (const LoadBalancing policy : policies) {
    net::Loop loop;
    Origin alive;
    auto upstream = upstream_of({dead.text(), alive.text()});
    upstream.load_balancer.policy = policy;
    // Longer than the test: who waits for it does not come back.
    upstream.connect_timeout = 60s;
    const auto cluster = cluster_on(upstream, {&loop});
    run_on(loop, [&]() -> Task<> {
      net::TaskGroup group(loop);
      int served = 0;
      const auto client = [&]() -> Task<> {
        for (int n = 0; n < 20; ++n) {
          Tried tried;
          std::optional<Lease> lease = cluster->try_acquire(0, tried);
          if (!lease) {
            auto acquired = co_await cluster->acquire(0, tried, loop.now() + 3s, {});
            if (!acquired) continue;
            lease.emplace(std::move(*acquired));
          }
          EXPECT_EQ(lease->endpoint().address(), alive.text());
          co_await pass(loop, 1ms);
          lease->give_back();
          ++served;
        }
      };
      for (int n = 0; n < 8; ++n) group.spawn(client());
      EXPECT_TRUE(co_await until(loop, [&] { return group.size() <= 1; })) << group.size();
      EXPECT_TRUE(co_await group.join(loop.now() + 10s));
      EXPECT_GE(served, 8 * 20 - 1);
    });
    cluster->leave(0);
  }
}

TEST(LastChoice, IsChosenWhenThereIsNoOther) {
  net::Loop loop;
  const Refusing dead;
  const auto cluster = cluster_on(upstream_of({dead.text()}), {&loop});
  run_on(loop, [&]() -> Task<> {
    for (int n = 0; n < 3; ++n) {
      EXPECT_EQ((co_await request(*cluster, loop)).to, "connect_failed");
    }
    dead.listen();
    EXPECT_EQ((co_await request(*cluster, loop)).to, dead.text());
    EXPECT_FALSE(failure_of(*cluster, 0)) << "a good connect ends it";
  });
  cluster->leave(0);
}

TEST(LastChoice, IsTriedAgainBesideTheRequests) {
  net::Loop loop;
  const Refusing dead;
  Origin alive;
  const auto cluster = cluster_on(upstream_of({dead.text(), alive.text()}), {&loop});
  run_on(loop, [&]() -> Task<> {
    std::size_t failed = 0;
    const auto ask_until = [&](std::function<bool()> condition) -> Task<bool> {
      const TimePoint end = loop.now() + 5s;
      while (!condition()) {
        if (loop.now() > end) co_return false;
        failed += (co_await request(*cluster, loop)).failed;
        co_await pass(loop, 5ms);
      }
      co_return true;
    };
    const auto second_pause = [&] {
      const auto failure = failure_of(*cluster, 0);
      return failure && failure->next_try > 1s;
    };
    const bool doubled = co_await ask_until(second_pause);
    EXPECT_TRUE(doubled);
    EXPECT_EQ(failed, 1u) << "no request met the second connect";
    dead.listen();
    bool reached = false;
    const auto it_serves = [&] { return !failure_of(*cluster, 0) && reached; };
    const TimePoint end = loop.now() + 5s;
    while (!it_serves() && loop.now() < end) {
      reached = (co_await request(*cluster, loop)).to == dead.text();
      co_await pass(loop, 5ms);
    }
    EXPECT_TRUE(it_serves());
  });
  cluster->leave(0);
}

TEST(LastChoice, WhoWaitsForAPermitIsNotGivenIt) {
  net::Loop loop;
  const Refusing dead;
  Origin alive;
  auto upstream = upstream_of({dead.text(), alive.text()});
  upstream.pool.in_flight = 1;
  upstream.pool.pending_timeout = 5s;
  const auto cluster = cluster_on(upstream, {&loop});
  run_on(loop, [&]() -> Task<> {
    co_await request(*cluster, loop);
    EXPECT_TRUE(failure_of(*cluster, 0));
    auto held = co_await lease_of(*cluster, loop);
    if (!held) co_return ADD_FAILURE() << "no lease";
    net::TaskGroup group(loop);
    Went went;
    const auto client = [&]() -> Task<> { went = co_await request(*cluster, loop); };
    group.spawn(client());
    co_await pass(loop, 20ms);
    EXPECT_EQ(cluster->describe().pending, 1u);
    held->give_back();
    EXPECT_TRUE(co_await group.join(loop.now() + 5s));
    EXPECT_EQ(went.to, alive.text());
    EXPECT_EQ(went.failed, 0u);
  });
  cluster->leave(0);
}

TEST(LastChoice, IsSharedByTheWorkers) {
  net::Loop here;
  net::Loop there;
  const Refusing dead;
  Origin alive;
  const auto cluster = cluster_on(upstream_of({dead.text(), alive.text()}), {&here, &there});
  std::size_t failed = 0;
  run_on(here, [&]() -> Task<> {
    for (int n = 0; n < 4; ++n) failed += (co_await request(*cluster, here, 0)).failed;
    cluster->leave(0);
  });
  EXPECT_EQ(failed, 1u);
  run_on(there, [&]() -> Task<> {
    for (int n = 0; n < 4; ++n) failed += (co_await request(*cluster, there, 1)).failed;
    cluster->leave(1);
  });
  EXPECT_EQ(failed, 1u);
}

TEST(LastChoice, AClientThatLeavesLeavesTheQuestion) {
  const Unanswering dead;
  if (!dead.hangs()) GTEST_SKIP() << "this kernel answers every connect";
  net::Loop loop;
  Origin alive;
  auto upstream = upstream_of({dead.text(), alive.text()});
  upstream.connect_timeout = 300ms;
  const auto cluster = cluster_on(upstream, {&loop});
  run_on(loop, [&]() -> Task<> {
    Tried tried;
    EXPECT_EQ(reason_of(co_await cluster->acquire(0, tried, loop.now() + 20ms, {})),
              Reason::request_timeout);
    EXPECT_FALSE(failure_of(*cluster, 0)) << "too early to say";
    EXPECT_TRUE(co_await until(loop, [&] { return failure_of(*cluster, 0).has_value(); }));
    EXPECT_EQ(failure_of(*cluster, 0)->cause, "timed out");
  });
  cluster->leave(0);
}

}  // namespace
}  // namespace weir::upstream
