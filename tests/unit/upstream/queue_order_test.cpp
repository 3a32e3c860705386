// Who is served next of those who wait (`pool.order`, `pool.fair`), and limits that follow what is
// measured (`concurrency`).
#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <thread>

#include "upstream/cluster_case.hpp"

namespace weir::upstream {
namespace {

config::Upstream one_place(const Origin& origin) {
  auto out = upstream_of({origin.text()});
  out.pool.in_flight = 1;
  out.pool.pending_timeout = 10s;
  return out;
}

// Requests of some callers that wait, and in which order they are served.
class Waiters {
 public:
  Waiters(Cluster& cluster, net::Loop& loop) : cluster_(cluster), loop_(loop), group_(loop) {}

  void add(std::string name, std::uint64_t fair, CancelScope* scope = nullptr) {
    group_.spawn(wait(std::move(name), fair, scope));
  }
  Task<bool> all_ended() { return group_.join(loop_.now() + 10s); }

  std::string served;   // their names
  std::string refused;  // the same

 private:
  Task<> wait(std::string name, std::uint64_t fair, CancelScope* scope) {
    Tried tried;
    auto lease = co_await cluster_.acquire(0, tried, no_deadline,
                                           {.client = {}, .scope = scope, .key = {}, .fair = fair});
    (lease ? served : refused) += name;
    if (lease) lease->give_back();
  }

  Cluster& cluster_;
  net::Loop& loop_;
  net::TaskGroup group_;
};

TEST(QueueOrder, CallersTakeTurns) {
  struct Row {
    const char* name;
    std::optional<config::Key> fair;
    std::string expected;
  };
  const Row rows[] = {{"as they came", std::nullopt, "aaaabc"},
                      {"in turn", config::Key{}, "abcaaa"}};
  for (const Row& row : rows) {
    net::Loop loop;
    Origin origin;
    auto upstream = one_place(origin);
    upstream.pool.fair = row.fair;
    const auto cluster = cluster_on(upstream, {&loop});
    run_on(loop, [&]() -> Task<> {
      auto held = co_await lease_of(*cluster, loop);
      if (!held) co_return ADD_FAILURE() << "no lease";
      Waiters waiters(*cluster, loop);
      for (const char caller : {'a', 'a', 'a', 'a', 'b', 'c'}) {
        waiters.add(std::string(1, caller), static_cast<std::uint64_t>(caller));
      }
      held->give_back();
      EXPECT_TRUE(co_await waiters.all_ended());
      EXPECT_EQ(waiters.served, row.expected) << row.name;
      EXPECT_EQ(cluster->describe().pending, 0u);
      EXPECT_EQ(cluster->describe().endpoints[0].in_flight, 0u);
    });
    cluster->leave(0);
  }
}

TEST(QueueOrder, TurnsBeginAndEndWithAReload) {
  net::Loop loop;
  Origin origin;
  auto upstream = one_place(origin);
  const auto cluster = cluster_on(upstream, {&loop});
  run_on(loop, [&]() -> Task<> {
    auto held = co_await lease_of(*cluster, loop);
    if (!held) co_return ADD_FAILURE() << "no lease";
    Waiters waiters(*cluster, loop);
    for (const char* name : {"a", "a", "a", "b"}) {
      waiters.add(name, static_cast<std::uint64_t>(*name));
    }
    upstream.pool.fair = config::Key{};
    cluster->apply(upstream);
    co_await pass(loop, 5ms);
    waiters.add("c", 'c');
    held->give_back();
    EXPECT_TRUE(co_await waiters.all_ended());
    EXPECT_EQ(waiters.served, "abcaa");
    upstream.pool.fair.reset();
    cluster->apply(upstream);
    co_await pass(loop, 5ms);
    EXPECT_TRUE(cluster->try_acquire(0, Tried()));
  });
  cluster->leave(0);
}

TEST(QueueOrder, WhoHasFewerTakesAPlaceInTheFullQueue) {
  net::Loop loop;
  Origin origin;
  auto upstream = one_place(origin);
  upstream.pool.fair = config::Key{};
  upstream.pool.pending = 4;
  const auto cluster = cluster_on(upstream, {&loop});
  run_on(loop, [&]() -> Task<> {
    auto held = co_await lease_of(*cluster, loop);
    if (!held) co_return ADD_FAILURE() << "no lease";
    Waiters waiters(*cluster, loop);
    for (const char* name : {"1", "2", "3", "4"}) waiters.add(name, 'a');
    waiters.add("5", 'a');
    waiters.add("b", 'b');
    waiters.add("c", 'c');
    // Each has two at most: the next of b would not be better off than those who are there.
    waiters.add("d", 'b');
    EXPECT_EQ(cluster->describe().pending, 4u);
    held->give_back();
    EXPECT_TRUE(co_await waiters.all_ended());
    EXPECT_EQ(waiters.served, "1bc2");
    std::string refused = waiters.refused;
    std::ranges::sort(refused);
    EXPECT_EQ(refused, "345d");
    EXPECT_EQ(cluster->describe().endpoints[0].in_flight, 0u);
  });
  cluster->leave(0);
}

TEST(QueueOrder, APlaceIsTakenAcrossWorkers) {
  net::Loop here;
  net::Loop there;
  Origin origin;
  auto upstream = one_place(origin);
  upstream.pool.fair = config::Key{};
  upstream.pool.pending = 5;
  const auto cluster = cluster_on(upstream, {&here, &there});
  std::atomic<int> refused{0};
  std::atomic<int> served{0};
  std::jthread other;
  run_on(here, [&]() -> Task<> {
    auto held = co_await lease_of(*cluster, here, 0);
    if (!held) co_return ADD_FAILURE() << "no lease";
    other = std::jthread([&] {
      run_on(there, [&]() -> Task<> {
        net::TaskGroup group(there);
        const auto request = [&]() -> Task<> {
          Tried tried;
          auto lease = co_await cluster->acquire(
              1, tried, no_deadline, {.client = {}, .scope = nullptr, .key = {}, .fair = 7});
          ++(lease ? served : refused);
          if (lease) lease->give_back();
        };
        for (int n = 0; n < 5; ++n) group.spawn(request());
        EXPECT_TRUE(co_await group.join(there.now() + 10s));
        cluster->leave(1);
      });
    });
    EXPECT_TRUE(co_await until(here, [&] { return cluster->describe().pending == 5; }));
    Waiters waiters(*cluster, here);
    waiters.add("b", 'b');
    EXPECT_TRUE(co_await until(here, [&] { return refused == 1; }));
    EXPECT_EQ(cluster->describe().pending, 5u);
    held->give_back();
    EXPECT_TRUE(co_await waiters.all_ended());
    EXPECT_EQ(waiters.served, "b");
    EXPECT_TRUE(co_await until(here, [&] { return served == 4; }));
    EXPECT_TRUE(
        co_await until(here, [&] { return cluster->describe().endpoints[0].in_flight == 0; }));
    other.join();
    cluster->leave(0);
  });
}

TEST(QueueOrder, TheNewestGoFirstOnceTheOldestWaitsLong) {
  net::Loop loop;
  Origin origin;
  auto upstream = one_place(origin);
  upstream.pool.order = config::PoolOrder::adaptive;
  upstream.pool.pending_timeout = 1s;
  const auto cluster = cluster_on(upstream, {&loop});
  run_on(loop, [&]() -> Task<> {
    auto held = co_await lease_of(*cluster, loop);
    if (!held) co_return ADD_FAILURE() << "no lease";
    Waiters waiters(*cluster, loop);
    waiters.add("1", 0);
    EXPECT_FALSE(cluster->describe().newest_first);
    co_await pass(loop, 210ms);
    for (const char* name : {"2", "3", "4"}) waiters.add(name, 0);
    EXPECT_TRUE(cluster->describe().newest_first);
    held->give_back();
    EXPECT_TRUE(co_await waiters.all_ended());
    EXPECT_EQ(waiters.served, "4321");
    EXPECT_FALSE(cluster->describe().newest_first);
  });
  cluster->leave(0);
}

TEST(QueueOrder, ThousandsWhoLeaveAtOnceAreGoneAtOnce) {
  for (const bool fair : {false, true}) {
    net::Loop loop;
    Origin origin;
    auto upstream = one_place(origin);
    upstream.pool.pending = 20'000;
    if (fair) upstream.pool.fair = config::Key{};
    const auto cluster = cluster_on(upstream, {&loop});
    run_on(loop, [&]() -> Task<> {
      auto held = co_await lease_of(*cluster, loop);
      if (!held) co_return ADD_FAILURE() << "no lease";
      Waiters waiters(*cluster, loop);
      CancelScope all;
      for (std::uint64_t n = 0; n < 10'000; ++n) waiters.add("", n % 3000, &all);
      waiters.add("last", 77'777);
      EXPECT_EQ(cluster->describe().pending, 10'001u);
      all.cancel(Reason::client_closed);
      EXPECT_EQ(cluster->describe().pending, 1u) << "before any of them was resumed";
      held->give_back();
      EXPECT_TRUE(co_await waiters.all_ended());
      EXPECT_EQ(waiters.served, "last");
    });
    cluster->leave(0);
  }
}

TEST(MeasuredConcurrency, MorePlacesServeThoseWhoWait) {
  net::Loop loop;
  Origin origin;
  auto upstream = upstream_of({origin.text()});
  upstream.concurrency = {
      .policy = config::ConcurrencyPolicy::gradient, .limit = 0, .min = 2, .max = 100};
  const auto cluster = cluster_on(upstream, {&loop});
  run_on(loop, [&]() -> Task<> {
    auto one = co_await lease_of(*cluster, loop);
    auto two = co_await lease_of(*cluster, loop);
    if (!one || !two) co_return ADD_FAILURE() << "no lease";
    EXPECT_EQ(cluster->describe().endpoints[0].limit, 2u);
    Waiters waiters(*cluster, loop);
    waiters.add("a", 0);
    waiters.add("b", 0);
    EXPECT_EQ(cluster->describe().pending, 2u);
    co_await pass(loop, 120ms);
    const TryOutcome answer{.end = control::CallEnd::answered, .status = 200, .head = 10ms};
    const TryOutcome broken{.end = control::CallEnd::answered, .status = 503, .head = 10ms};
    for (int n = 0; n < 20; ++n) cluster->tried(0, one->endpoint(), broken);
    EXPECT_EQ(cluster->describe().endpoints[0].limit, 2u) << "503 says nothing";
    for (int n = 0; n < 10; ++n) cluster->tried(0, one->endpoint(), answer);
    EXPECT_EQ(cluster->describe().endpoints[0].limit, 4u);
    EXPECT_TRUE(co_await waiters.all_ended());
    EXPECT_EQ(waiters.served.size(), 2u);
    one->give_back();
    two->give_back();
    EXPECT_EQ(cluster->describe().endpoints[0].in_flight, 0u);
  });
  cluster->leave(0);
}

TEST(MeasuredConcurrency, FewerPlacesTakeNobodysAway) {
  net::Loop loop;
  Origin origin;
  auto upstream = upstream_of({origin.text()});
  const auto cluster = cluster_on(upstream, {&loop});
  run_on(loop, [&]() -> Task<> {
    std::vector<Result<Lease>> held;
    for (int n = 0; n < 4; ++n) held.push_back(co_await lease_of(*cluster, loop));
    upstream.concurrency = {.policy = config::ConcurrencyPolicy::fixed, .limit = 2};
    cluster->apply(upstream);
    co_await pass(loop, 5ms);
    Waiters waiters(*cluster, loop);
    waiters.add("a", 0);
    for (int n = 0; n < 2; ++n) {
      if (held[0]) held[0]->give_back();
      held.erase(held.begin());
      co_await pass(loop, 2ms);
      EXPECT_EQ(waiters.served, "") << "two or more are still there";
    }
    if (held[0]) held[0]->give_back();
    EXPECT_TRUE(co_await waiters.all_ended());
    EXPECT_EQ(waiters.served, "a");
    if (held[1]) held[1]->give_back();
    EXPECT_EQ(cluster->describe().endpoints[0].in_flight, 0u);
  });
  cluster->leave(0);
}

TEST(MeasuredConcurrency, ManyThreadsTellOneLimit) {
  control::ProbeTurn turn;
  const TimePoint begin = TimePoint() + 1h;
  EndpointLimit limit(control::GradientPolicy{.min = 5, .max = 50}, begin);
  {
    std::vector<std::jthread> threads;
    for (int n = 0; n < 4; ++n) {
      threads.emplace_back([&] {
        for (int step = 0; step < 5000; ++step) {
          const TimePoint now = begin + step * 10ms;
          (void)limit.tried(now, limit.value(),
                            {.end = control::CallEnd::answered, .status = 200, .head = 10ms}, turn);
          const std::uint64_t value = limit.value();
          if (value < 5 || value > 50) return ADD_FAILURE() << value;
        }
      });
    }
  }
  EXPECT_GE(limit.value(), 5u);
}

}  // namespace
}  // namespace weir::upstream
