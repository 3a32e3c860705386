// The wait for a permit: bounded in number and time, in turn, across workers, cancellable.
#include <atomic>
#include <thread>

#include "upstream/cluster_case.hpp"

namespace weir::upstream {
namespace {

config::Upstream tight(const Origin& origin, std::uint64_t in_flight) {
  auto out = upstream_of({origin.text()});
  out.pool.in_flight = in_flight;
  return out;
}

TEST(Waiting, APermitGoesToWhoHasWaitedLongest) {
  net::Loop loop;
  Origin origin;
  const auto cluster = cluster_on(tight(origin, 1), {&loop});
  run_on(loop, [&]() -> Task<> {
    auto held = co_await lease_of(*cluster, loop);
    if (!held) co_return ADD_FAILURE() << "no lease";
    net::TaskGroup group(loop);
    std::vector<int> order;
    const auto request = [&](int number) -> Task<> {
      auto lease = co_await lease_of(*cluster, loop);
      if (!lease) co_return ADD_FAILURE() << lease.error().detail;
      order.push_back(number);
      EXPECT_TRUE(lease->reused());
      EXPECT_GE(lease->queue_time, number * 2ms);
      co_await pass(loop, 2ms);
      lease->give_back();
    };
    for (int number = 0; number < 4; ++number) group.spawn(request(number));
    EXPECT_EQ(cluster->describe().pending, 4u);
    // Nobody overtakes those who wait.
    EXPECT_FALSE(cluster->try_acquire(0, Tried()));
    held->give_back();
    EXPECT_FALSE(cluster->try_acquire(0, Tried()));
    EXPECT_TRUE(co_await group.join(loop.now() + 5s));
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
    EXPECT_EQ(cluster->describe().pending, 0u);
    EXPECT_EQ(cluster->describe().endpoints[0].in_flight, 0u);
  });
  cluster->leave(0);
}

TEST(Waiting, EndsAsConfigured) {
  struct Row {
    const char* name;
    std::uint64_t pending;
    Duration pending_timeout;
    Duration within;
    Reason expected;
  };
  const Row rows[] = {
      {"no place to wait", 0, 1s, 10s, Reason::pool_full},
      {"waited long enough", 5, 20ms, 10s, Reason::pool_full},
      {"the request's own time is over", 5, 5s, 20ms, Reason::request_timeout},
  };
  for (const Row& row : rows) {
    net::Loop loop;
    Origin origin;
    auto upstream = tight(origin, 1);
    upstream.pool.pending = row.pending;
    upstream.pool.pending_timeout = row.pending_timeout;
    const auto cluster = cluster_on(upstream, {&loop});
    run_on(loop, [&]() -> Task<> {
      auto held = co_await lease_of(*cluster, loop);
      EXPECT_EQ(reason_of(co_await lease_of(*cluster, loop, 0, row.within)), row.expected)
          << row.name;
      EXPECT_EQ(cluster->describe().pending, 0u);
      if (held) held->give_back();
      EXPECT_TRUE(cluster->try_acquire(0, Tried())) << row.name;
    });
    cluster->leave(0);
  }
}

TEST(Waiting, EndsWhenTheClientLeaves) {
  net::Loop loop;
  Origin origin;
  const auto cluster = cluster_on(tight(origin, 1), {&loop});
  run_on(loop, [&]() -> Task<> {
    auto held = co_await lease_of(*cluster, loop);
    CancelScope scope;
    net::TaskGroup group(loop);
    Reason reason = Reason::none;
    const auto request = [&]() -> Task<> {
      Tried tried;
      reason = reason_of(
          co_await cluster->acquire(0, tried, no_deadline, {.client = {}, .scope = &scope}));
    };
    group.spawn(request());
    scope.cancel(Reason::client_closed);
    // The permit that comes at the same moment is not lost with the one who left.
    held->give_back();
    EXPECT_TRUE(co_await group.join(loop.now() + 5s));
    EXPECT_EQ(reason, Reason::client_closed);
    EXPECT_EQ(cluster->describe().endpoints[0].in_flight, 0u);
    EXPECT_EQ(cluster->describe().pending, 0u);
  });
  cluster->leave(0);
}

TEST(Waiting, APermitGrantedToOneWhoThenLeavesGoesOn) {
  net::Loop loop;
  Origin origin;
  const auto cluster = cluster_on(tight(origin, 1), {&loop});
  run_on(loop, [&]() -> Task<> {
    auto held = co_await lease_of(*cluster, loop);
    CancelScope scope;
    net::TaskGroup group(loop);
    bool second_served = false;
    const auto leaver = [&]() -> Task<> {
      Tried tried;
      EXPECT_EQ(reason_of(co_await cluster->acquire(0, tried, no_deadline,
                                                    {.client = {}, .scope = &scope})),
                Reason::client_closed);
    };
    const auto second = [&]() -> Task<> {
      second_served = static_cast<bool>(co_await lease_of(*cluster, loop));
    };
    group.spawn(leaver());
    group.spawn(second());
    held->give_back();
    scope.cancel(Reason::client_closed);
    EXPECT_TRUE(co_await group.join(loop.now() + 5s));
    EXPECT_TRUE(second_served);
    EXPECT_EQ(cluster->describe().endpoints[0].in_flight, 0u);
  });
  cluster->leave(0);
}

TEST(Waiting, MorePermitsByAReloadServeThoseWhoWait) {
  net::Loop loop;
  Origin origin;
  const auto cluster = cluster_on(tight(origin, 1), {&loop});
  run_on(loop, [&]() -> Task<> {
    auto held = co_await lease_of(*cluster, loop);
    net::TaskGroup group(loop);
    int served = 0;
    const auto request = [&]() -> Task<> {
      auto lease = co_await lease_of(*cluster, loop);
      served += lease ? 1 : 0;
      co_await pass(loop, 20ms);
    };
    group.spawn(request());
    group.spawn(request());
    cluster->apply(tight(origin, 3));
    EXPECT_TRUE(co_await group.join(loop.now() + 5s));
    EXPECT_EQ(served, 2);
  });
  cluster->leave(0);
}

TEST(Waiting, OneWhoHasTriedAnEndpointLeavesItsPermitToOthers) {
  net::Loop loop;
  Origin a;
  Origin b;
  auto upstream = upstream_of({a.text(), b.text()});
  upstream.pool.in_flight = 1;
  const auto cluster = cluster_on(upstream, {&loop});
  run_on(loop, [&]() -> Task<> {
    auto at_a = co_await lease_of(*cluster, loop);
    auto at_b = co_await lease_of(*cluster, loop);
    if (!at_a || !at_b) co_return ADD_FAILURE() << "no lease";
    net::TaskGroup group(loop);
    std::string first;
    std::string second;
    const auto picky = [&]() -> Task<> {
      Tried tried;
      tried.add(at_a->endpoint());
      auto lease = co_await cluster->acquire(0, tried, no_deadline, {});
      if (lease) first = lease->endpoint().address();
    };
    const auto easy = [&]() -> Task<> {
      auto lease = co_await lease_of(*cluster, loop);
      if (lease) second = lease->endpoint().address();
    };
    const std::string address_a = at_a->endpoint().address();
    const std::string address_b = at_b->endpoint().address();
    group.spawn(picky());
    group.spawn(easy());
    at_a->give_back();
    co_await pass(loop, 10ms);
    EXPECT_EQ(second, address_a);
    EXPECT_EQ(first, "");
    at_b->give_back();
    EXPECT_TRUE(co_await group.join(loop.now() + 5s));
    EXPECT_EQ(first, address_b);
  });
  cluster->leave(0);
}

TEST(Waiting, ReachesAcrossWorkers) {
  net::Loop here;
  net::Loop there;
  Origin origin;
  const auto cluster = cluster_on(tight(origin, 1), {&here, &there});
  std::atomic<bool> served{false};
  std::jthread other;
  run_on(here, [&]() -> Task<> {
    auto held = co_await lease_of(*cluster, here, 0);
    other = std::jthread([&] {
      run_on(there, [&]() -> Task<> {
        auto lease = co_await lease_of(*cluster, there, 1);
        served = lease && !lease->reused();
        lease = fail(Reason::none, Side::internal);
        cluster->leave(1);
      });
    });
    EXPECT_TRUE(co_await until(here, [&] { return cluster->describe().pending == 1; }));
    if (held) held->give_back();
    EXPECT_TRUE(co_await until(here, [&] { return served.load(); }));
    EXPECT_TRUE(
        co_await until(here, [&] { return cluster->describe().endpoints[0].in_flight == 0; }));
    other.join();
    cluster->leave(0);
  });
}

TEST(Waiting, WhoCannotUseAPermitElsewhereDoesNotKeepItFromOthers) {
  net::Loop here;
  net::Loop there;
  Origin a;
  Origin b;
  auto upstream = upstream_of({a.text(), b.text()});
  upstream.pool.in_flight = 1;
  upstream.pool.pending_timeout = 8s;
  const auto cluster = cluster_on(upstream, {&here, &there});
  std::atomic<bool> picky_waits{false};
  std::atomic<bool> end{false};
  std::jthread other;
  run_on(here, [&]() -> Task<> {
    auto one = co_await lease_of(*cluster, here, 0);
    auto two = co_await lease_of(*cluster, here, 0);
    if (!one || !two) co_return ADD_FAILURE() << "no lease";
    Endpoint& first = one->endpoint();
    // Has waited longest, on the other worker, and has tried what becomes free.
    other = std::jthread([&] {
      run_on(there, [&]() -> Task<> {
        net::TaskGroup group(there);
        CancelScope scope;
        const auto picky = [&]() -> Task<> {
          Tried tried;
          tried.add(first);
          (void)co_await cluster->acquire(1, tried, no_deadline, {.client = {}, .scope = &scope});
        };
        group.spawn(picky());
        picky_waits = true;
        EXPECT_TRUE(co_await until(there, [&] { return end.load(); }));
        scope.cancel(Reason::client_closed);
        EXPECT_TRUE(co_await group.join(there.now() + 5s));
        cluster->leave(1);
      });
    });
    EXPECT_TRUE(co_await until(here, [&] { return picky_waits.load(); }));
    EXPECT_TRUE(co_await until(here, [&] { return cluster->describe().pending == 1; }));
    co_await pass(here, 20ms);
    net::TaskGroup group(here);
    bool served = false;
    const auto easy = [&]() -> Task<> {
      served = (co_await lease_of(*cluster, here, 0)).has_value();
    };
    group.spawn(easy());
    one->give_back();
    EXPECT_TRUE(co_await until(here, [&] { return served; }));
    EXPECT_TRUE(co_await group.join(here.now() + 10s));
    end = true;
    other.join();
    two = fail(Reason::none, Side::internal);
    cluster->leave(0);
  });
}

TEST(Waiting, TwoWorkersUnderLoadNeverPassTheLimitAndForgetNobody) {
  constexpr int tasks = 12;
  constexpr int rounds = 150;
  net::Loop loops[2];
  Origin origin(512);
  auto upstream = tight(origin, 3);
  upstream.pool.pending_timeout = 10s;
  const auto cluster = cluster_on(upstream, {&loops[0], &loops[1]});
  std::atomic<int> in_use{0};
  std::atomic<int> most{0};
  std::atomic<int> done{0};
  const auto work = [&](unsigned worker) {
    net::Loop& loop = loops[worker];
    run_on(loop, [&]() -> Task<> {
      net::TaskGroup group(loop);
      const auto request = [&](int number) -> Task<> {
        for (int round = 0; round < rounds; ++round) {
          auto lease = co_await lease_of(*cluster, loop, worker, 10s);
          if (!lease) co_return ADD_FAILURE() << name(lease.error().reason);
          const int now = ++in_use;
          int before = most;
          while (before < now && !most.compare_exchange_weak(before, now)) {
          }
          // Some give way to the loop while they hold it, some do not, some break off.
          if ((round + number) % 4 == 0) co_await pass(loop, 1ns);
          --in_use;
          if ((round + number) % 16 != 0) lease->give_back();
          ++done;
        }
      };
      for (int number = 0; number < tasks; ++number) group.spawn(request(number));
      EXPECT_TRUE(co_await group.join(loop.now() + 15s));
      // Until the other is done too a permit may still come this way.
      EXPECT_TRUE(co_await until(loop, [&] { return done == 2 * tasks * rounds; }));
      EXPECT_TRUE(
          co_await until(loop, [&] { return cluster->describe().endpoints[0].in_flight == 0; }));
      cluster->leave(worker);
    });
  };
  std::jthread other([&] { work(1); });
  work(0);
  other.join();
  EXPECT_EQ(done, 2 * tasks * rounds);
  EXPECT_LE(most, 3);
  EXPECT_EQ(cluster->describe().pending, 0u);
}

}  // namespace
}  // namespace weir::upstream
