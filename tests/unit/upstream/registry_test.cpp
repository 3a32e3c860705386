#include "weir/upstream/registry.hpp"

#include <thread>

#include "upstream/cluster_case.hpp"

namespace weir::upstream {
namespace {

config::Upstream named(std::string name, const Origin& origin) {
  auto out = upstream_of({origin.text()});
  out.name = std::move(name);
  return out;
}

TEST(Registry, FindsAClusterAgainOverAReload) {
  net::Loop loop;
  Origin origin;
  Registry registry({&loop}, {});
  const std::vector first{named("a", origin), named("b", origin)};
  const auto a = registry.get(first[0]);
  EXPECT_EQ(registry.get(first[0]), a);
  EXPECT_EQ(registry.find("a"), nullptr);
  registry.commit(first);
  EXPECT_EQ(registry.find("a"), a);
  EXPECT_EQ(registry.clusters().size(), 2u);

  auto second = std::vector{named("a", origin)};
  second[0].pool.pending = 7;
  EXPECT_EQ(registry.get(second[0]), a);
  registry.commit(second);
  EXPECT_FALSE(a->retired());
  EXPECT_EQ(registry.find("b"), nullptr);
}

TEST(Registry, WhatIsAbandonedLeavesNoTrace) {
  net::Loop loop;
  Origin origin;
  Registry registry({&loop}, {});
  const std::vector live{named("a", origin)};
  const auto a = registry.get(live[0]);
  registry.commit(live);
  const std::weak_ptr<Cluster> draft = registry.get(named("b", origin));
  registry.abandon();
  EXPECT_EQ(registry.find("b"), nullptr);
  EXPECT_FALSE(a->retired());
  loop.mailbox().close();
  EXPECT_TRUE(draft.expired());
}

TEST(Registry, ARetiredClusterClosesWhatIsIdleOnEveryWorker) {
  net::Loop here;
  net::Loop there;
  Origin origin;
  std::vector<std::string> gone;
  Registry registry({&here, &there}, {.endpoint_added = {},
                                      .endpoint_gone = [&](std::string_view, std::string_view at) {
                                        gone.emplace_back(at);
                                      }});
  auto cluster = registry.get(named("a", origin));
  registry.commit(std::vector{named("a", origin)});
  const std::weak_ptr<Cluster> watched = cluster;
  const auto endpoint = cluster->describe().endpoints[0].endpoint;
  std::jthread other;
  run_on(here, [&]() -> Task<> {
    auto kept = co_await lease_of(*cluster, here, 0);
    auto idle = co_await lease_of(*cluster, here, 0);
    if (!kept || !idle) co_return ADD_FAILURE() << "no lease";
    idle->give_back();
    other = std::jthread([&] {
      run_on(there, [&]() -> Task<> {
        auto lease = co_await lease_of(*cluster, there, 1);
        if (lease) lease->give_back();
        EXPECT_TRUE(co_await until(there, [&] { return endpoint->idle_connections() == 0; }));
        lease = fail(Reason::none, Side::internal);
      });
    });
    EXPECT_TRUE(co_await until(here, [&] { return endpoint->idle_connections() == 2; }));
    registry.commit(std::vector<config::Upstream>());
    EXPECT_TRUE(cluster->retired());
    EXPECT_EQ(gone, std::vector<std::string>{origin.text()});
    EXPECT_TRUE(co_await until(here, [&] { return endpoint->idle_connections() == 0; }));
    other.join();
    // Who pinned it still gets leases; nothing is kept.
    kept->give_back();
    EXPECT_EQ(endpoint->idle_connections(), 0u);
    EXPECT_TRUE(co_await lease_of(*cluster, here, 0));
    EXPECT_EQ(endpoint->in_flight(), 0u);
  });
  cluster.reset();
  EXPECT_TRUE(watched.expired());
}

TEST(Registry, AWorkerThatLeavesClosesWhatIsItsOwn) {
  net::Loop loop;
  Origin origin;
  Registry registry({&loop}, {});
  const auto cluster = registry.get(named("a", origin));
  registry.commit(std::vector{named("a", origin)});
  run_on(loop, [&]() -> Task<> {
    auto idle = co_await lease_of(*cluster, loop);
    auto late = co_await lease_of(*cluster, loop);
    if (!idle || !late) co_return ADD_FAILURE() << "no lease";
    idle->give_back();
    registry.leave(0);
    EXPECT_EQ(idle->endpoint().idle_connections(), 0u);
    late->give_back();
    EXPECT_EQ(late->endpoint().idle_connections(), 0u);
  });
}

}  // namespace
}  // namespace weir::upstream
