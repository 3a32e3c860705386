#include "weir/upstream/cluster.hpp"

#include <map>

#include "upstream/cluster_case.hpp"

namespace weir::upstream {
namespace {

TEST(Cluster, ConnectsOnceAndUsesTheConnectionAgain) {
  net::Loop loop;
  Origin origin;
  const auto cluster = cluster_on(upstream_of({origin.text()}), {&loop});
  run_on(loop, [&]() -> Task<> {
    auto first = co_await lease_of(*cluster, loop);
    if (!first) co_return ADD_FAILURE() << first.error().detail;
    EXPECT_FALSE(first->reused());
    net::Socket far = origin.accept();
    const std::uint64_t id = first->stream().id();
    EXPECT_EQ(first->endpoint().in_flight(), 1u);
    EXPECT_EQ(first->endpoint().active_connections(), 1u);
    first->give_back();
    first->give_back();
    EXPECT_EQ(first->endpoint().in_flight(), 0u);
    EXPECT_EQ(first->endpoint().active_connections(), 0u);
    EXPECT_EQ(first->endpoint().idle_connections(), 1u);

    std::optional<Lease> second = cluster->try_acquire(0, Tried());
    EXPECT_TRUE(second && second->reused() && second->stream().id() == id);
    EXPECT_FALSE(origin.has_guest());
    // Abandoned: closed, not kept.
    second.reset();
    EXPECT_EQ(far.receive(), "");
    EXPECT_EQ(cluster->describe().endpoints[0].in_flight, 0u);
    EXPECT_FALSE(cluster->try_acquire(0, Tried()));
  });
  cluster->leave(0);
}

TEST(Cluster, TheConnectionUsedLastIsUsedNext) {
  net::Loop loop;
  Origin origin;
  const auto cluster = cluster_on(upstream_of({origin.text()}), {&loop});
  run_on(loop, [&]() -> Task<> {
    auto a = co_await lease_of(*cluster, loop);
    auto b = co_await lease_of(*cluster, loop);
    if (!a || !b) co_return ADD_FAILURE() << "no lease";
    const std::uint64_t last = a->stream().id();
    b->give_back();
    a->give_back();
    std::optional<Lease> next = cluster->try_acquire(0, Tried());
    EXPECT_TRUE(next && next->stream().id() == last);
    // A fresh one is asked for after a stale one.
    Tried tried;
    tried.fresh = true;
    EXPECT_FALSE(cluster->try_acquire(0, tried));
    auto fresh = co_await cluster->acquire(0, tried, loop.now() + 5s, {});
    EXPECT_TRUE(fresh && !fresh->reused());
  });
  cluster->leave(0);
}

TEST(Cluster, AnIdleConnectionThatHearsAnythingIsClosed) {
  struct Row {
    const char* name;
    void (*happens)(net::Socket& far);
  };
  const Row rows[] = {
      {"FIN", [](net::Socket& far) { far.close(); }},
      {"reset", [](net::Socket& far) { far.reset(); }},
      {"stray bytes", [](net::Socket& far) { EXPECT_TRUE(far.send("HTTP/1.1 408 \r\n\r\n")); }},
  };
  for (const Row& row : rows) {
    for (const bool before_it_is_given_back : {false, true}) {
      net::Loop loop;
      Origin origin;
      const auto cluster = cluster_on(upstream_of({origin.text()}), {&loop});
      run_on(loop, [&]() -> Task<> {
        auto lease = co_await lease_of(*cluster, loop);
        if (!lease) co_return ADD_FAILURE() << row.name;
        const Endpoint& endpoint = lease->endpoint();
        net::Socket far = origin.accept();
        if (before_it_is_given_back) {
          row.happens(far);
          EXPECT_TRUE(co_await until(loop, [&] { return lease->stream().readable(); }));
          lease->give_back();
          EXPECT_EQ(endpoint.idle_connections(), 0u) << row.name;
        } else {
          lease->give_back();
          EXPECT_EQ(endpoint.idle_connections(), 1u) << row.name;
          row.happens(far);
        }
        EXPECT_TRUE(co_await until(loop, [&] { return endpoint.idle_connections() == 0; }))
            << row.name;
        EXPECT_FALSE(cluster->try_acquire(0, Tried())) << row.name;
      });
      cluster->leave(0);
    }
  }
}

TEST(Cluster, IdleConnectionsGoWhenTheirTimeIsOver) {
  net::Loop loop;
  Origin origin;
  auto upstream = upstream_of({origin.text()});
  upstream.idle_timeout = 50ms;
  const auto cluster = cluster_on(upstream, {&loop});
  run_on(loop, [&]() -> Task<> {
    auto a = co_await lease_of(*cluster, loop);
    auto b = co_await lease_of(*cluster, loop);
    if (!a || !b) co_return ADD_FAILURE() << "no lease";
    const Endpoint& endpoint = a->endpoint();
    const TimePoint since = loop.now();
    a->give_back();
    co_await pass(loop, 30ms);
    b->give_back();
    const TimePoint later = loop.now();
    EXPECT_TRUE(co_await until(loop, [&] { return endpoint.idle_connections() <= 1; }));
    EXPECT_GE(loop.now() - since, 50ms);
    EXPECT_TRUE(co_await until(loop, [&] { return endpoint.idle_connections() == 0; }));
    EXPECT_GE(loop.now() - later, 50ms);
  });
  cluster->leave(0);
}

TEST(Cluster, GoesOnToTheNextEndpointWhenAConnectFails) {
  net::Loop loop;
  Origin origin;
  Origin dead;
  const std::string refused = dead.text();
  dead.close();
  const auto cluster = cluster_on(upstream_of({refused, origin.text()}), {&loop});
  run_on(loop, [&]() -> Task<> {
    Tried tried;
    auto lease = co_await cluster->acquire(0, tried, loop.now() + 5s, {});
    EXPECT_TRUE(lease && lease->endpoint().address() == origin.text());
    EXPECT_EQ(tried.size(), 1u);
    if (tried.connect_failures.size() != 1) co_return ADD_FAILURE() << "not recorded";
    EXPECT_EQ(tried.connect_failures[0].endpoint->address(), refused);
    EXPECT_EQ(tried.connect_failures[0].reason, Reason::connect_failed);
    // The other one is all that is left, until it is tried too.
    if (lease) tried.add(lease->endpoint());
    EXPECT_EQ(reason_of(co_await cluster->acquire(0, tried, loop.now() + 5s, {})),
              Reason::no_healthy_endpoint);
    for (const EndpointInfo& endpoint : cluster->describe().endpoints) {
      EXPECT_EQ(endpoint.in_flight, endpoint.address == origin.text() ? 1u : 0u);
    }
  });
  cluster->leave(0);
}

TEST(Cluster, WithNobodyListeningTellsTheLastFailure) {
  net::Loop loop;
  Origin dead;
  const std::string refused = dead.text();
  dead.close();
  const auto cluster = cluster_on(upstream_of({refused}), {&loop});
  const auto empty = cluster_on(upstream_of({"not-looked-up-yet.test:80"}), {&loop});
  run_on(loop, [&]() -> Task<> {
    EXPECT_EQ(reason_of(co_await lease_of(*cluster, loop)), Reason::connect_failed);
    EXPECT_EQ(reason_of(co_await lease_of(*empty, loop)), Reason::no_healthy_endpoint);
    EXPECT_EQ(empty->describe().unresolved, std::vector<std::string>{"not-looked-up-yet.test:80"});
  });
}

TEST(Cluster, SharesRequestsByWeight) {
  net::Loop loop;
  Origin a;
  Origin b;
  auto upstream = upstream_of({a.text(), b.text()});
  upstream.endpoints[0].weight = 3;
  const auto cluster = cluster_on(upstream, {&loop});
  run_on(loop, [&]() -> Task<> {
    std::map<std::string, int> counts;
    for (int n = 0; n < 40; ++n) {
      auto lease = co_await lease_of(*cluster, loop);
      if (!lease) co_return ADD_FAILURE() << lease.error().detail;
      ++counts[lease->endpoint().address()];
      lease->give_back();
    }
    EXPECT_EQ(counts[a.text()], 30);
    EXPECT_EQ(counts[b.text()], 10);
    // An operator's word holds over the file's.
    EXPECT_TRUE(cluster->set_endpoint(a.text(), std::nullopt, 0));
    for (int n = 0; n < 10; ++n) {
      auto lease = co_await lease_of(*cluster, loop);
      EXPECT_TRUE(lease && lease->endpoint().address() == b.text());
    }
  });
  cluster->leave(0);
}

TEST(Cluster, AnOperatorTakesAnEndpointOut) {
  for (const EndpointState state : {EndpointState::drain, EndpointState::down}) {
    net::Loop loop;
    Origin origin;
    const auto cluster = cluster_on(upstream_of({origin.text()}), {&loop});
    run_on(loop, [&]() -> Task<> {
      auto held = co_await lease_of(*cluster, loop);
      auto idle = co_await lease_of(*cluster, loop);
      if (!held || !idle) co_return ADD_FAILURE() << "no lease";
      idle->give_back();
      EXPECT_FALSE(cluster->set_endpoint("127.0.0.1:1", state, std::nullopt));
      EXPECT_TRUE(cluster->set_endpoint(origin.text(), state, std::nullopt));
      EXPECT_TRUE(co_await until(loop, [&] { return held->endpoint().idle_connections() == 0; }));
      EXPECT_EQ(reason_of(co_await lease_of(*cluster, loop)), Reason::no_healthy_endpoint);
      // What is under way goes on, and its connection is not kept.
      EXPECT_TRUE(held->stream().is_open());
      held->give_back();
      EXPECT_EQ(held->endpoint().idle_connections(), 0u);
      EXPECT_TRUE(cluster->set_endpoint(origin.text(), EndpointState::ready, std::nullopt));
      EXPECT_TRUE(co_await lease_of(*cluster, loop));
    });
    cluster->leave(0);
  }
}

TEST(Cluster, WhatAnOperatorSetIsTakenBack) {
  net::Loop loop;
  auto upstream = upstream_of({"127.0.0.1:1", "127.0.0.1:2"});
  upstream.endpoints[0].weight = 7;
  const auto cluster = cluster_on(upstream, {&loop});
  const auto first = [&] { return cluster->describe().endpoints[0]; };
  EXPECT_FALSE(first().is_overridden());
  EXPECT_FALSE(cluster->reset_endpoint("127.0.0.1:3"));
  EXPECT_TRUE(cluster->set_endpoint("127.0.0.1:1", EndpointState::drain, 3));
  EXPECT_TRUE(first().is_overridden());
  EXPECT_EQ(first().configured_weight, 7u);
  EXPECT_TRUE(cluster->reset_endpoint("127.0.0.1:1"));
  EXPECT_EQ(first().state, EndpointState::ready);
  EXPECT_EQ(first().weight, 7u);
  EXPECT_FALSE(first().is_overridden());
  EXPECT_TRUE(cluster->set_endpoint("127.0.0.1:2", std::nullopt, 0));
  EXPECT_TRUE(cluster->describe().endpoints[1].is_overridden());
  cluster->leave(0);
}

TEST(Cluster, ATunnelLeavesTheRequestsAndPinsTheCluster) {
  net::Loop loop;
  Origin origin;
  auto upstream = upstream_of({origin.text()});
  upstream.pool.in_flight = 2;
  upstream.pool.tunnels = 1;
  auto cluster = cluster_on(upstream, {&loop});
  const std::weak_ptr<Cluster> watched = cluster;
  run_on(loop, [&]() -> Task<> {
    auto tunnel = co_await lease_of(*cluster, loop);
    auto refused = co_await lease_of(*cluster, loop);
    if (!tunnel || !refused) co_return ADD_FAILURE() << "no lease";
    EXPECT_TRUE(tunnel->into_tunnel());
    EXPECT_FALSE(refused->into_tunnel());
    EXPECT_EQ(tunnel->endpoint().in_flight(), 1u);
    EXPECT_EQ(tunnel->endpoint().tunnels(), 1u);
    EXPECT_EQ(tunnel->endpoint().active_connections(), 2u);
    tunnel->give_back();
    EXPECT_TRUE(tunnel->stream().is_open());
    refused->give_back();
    refused = fail(Reason::none, Side::internal);
    cluster->leave(0);
    cluster.reset();
    EXPECT_FALSE(watched.expired());
    tunnel = fail(Reason::none, Side::internal);
    EXPECT_TRUE(watched.expired());
  });
}

TEST(Cluster, AReloadKeepsWhatStaysAndEndsWhatGoes) {
  net::Loop loop;
  Origin stays;
  Origin goes;
  std::vector<std::string> gone;
  int added = 0;
  const auto cluster = cluster_on(
      upstream_of({stays.text(), goes.text()}), {&loop},
      {.endpoint_added =
           [&](std::string_view, std::string_view address) {
             ++added;
             return std::static_pointer_cast<void>(std::make_shared<std::string>(address));
           },
       .endpoint_gone = [&](std::string_view, std::string_view at) { gone.emplace_back(at); }});
  run_on(loop, [&]() -> Task<> {
    std::vector<Lease> leases;
    for (int n = 0; n < 4; ++n) {
      auto lease = co_await lease_of(*cluster, loop);
      if (!lease) co_return ADD_FAILURE() << lease.error().detail;
      leases.push_back(std::move(*lease));
    }
    const auto before = cluster->describe().endpoints;
    EXPECT_EQ(*before[0].endpoint->annex<std::string>(), stays.text());
    // One of each is idle, one of each in use.
    leases[0].give_back();
    leases[1].give_back();
    auto next = upstream_of({stays.text()});
    next.endpoints[0].weight = 5;
    cluster->apply(next);
    EXPECT_EQ(gone, std::vector<std::string>{goes.text()});
    EXPECT_EQ(added, 2);
    EXPECT_TRUE(co_await until(loop, [&] { return before[1].endpoint->idle_connections() == 0; }));
    const auto after = cluster->describe().endpoints;
    if (after.size() != 1) co_return ADD_FAILURE() << after.size();
    EXPECT_EQ(after[0].endpoint, before[0].endpoint);
    EXPECT_EQ(after[0].weight, 5u);
    EXPECT_EQ(after[0].idle_connections, 1u);
    EXPECT_EQ(after[0].in_flight, 1u);
    // Leases of the one that went are good to their end, and its connection then goes too.
    for (Lease& lease : leases) {
      if (lease.endpoint().address() == goes.text()) lease.give_back();
    }
    EXPECT_EQ(before[1].endpoint->idle_connections(), 0u);
    EXPECT_EQ(before[1].endpoint->in_flight(), 0u);
    // Coming back while somebody still holds it, it is the same.
    cluster->apply(upstream_of({stays.text(), goes.text()}));
    EXPECT_EQ(cluster->describe().endpoints[1].endpoint, before[1].endpoint);
  });
  cluster->leave(0);
}

TEST(Cluster, ChangesKeepTheTurn) {
  for (const auto policy :
       {config::LoadBalancing::round_robin, config::LoadBalancing::least_requests}) {
    net::Loop loop;
    Origin a;
    Origin b;
    Origin c;
    auto upstream = upstream_of({a.text(), b.text(), c.text()});
    upstream.load_balancer.policy = policy;
    auto reversed = upstream_of({c.text(), b.text(), a.text()});
    reversed.load_balancer.policy = policy;
    const auto cluster = cluster_on(upstream, {&loop});
    run_on(loop, [&]() -> Task<> {
      std::vector<std::string> went;
      for (int n = 0; n < 6; ++n) {
        auto lease = co_await lease_of(*cluster, loop);
        if (!lease) co_return ADD_FAILURE() << lease.error().detail;
        went.push_back(lease->endpoint().address());
        lease->give_back();
        // Something that is no change of the endpoints, and one that is.
        cluster->set_endpoint(c.text(), {}, 1);
        if (n == 3) cluster->apply(reversed);
      }
      // From then on in the order of the file that is in use now.
      EXPECT_EQ(went, (std::vector<std::string>{a.text(), b.text(), c.text(), a.text(), b.text(),
                                                a.text()}));
    });
    cluster->leave(0);
  }
}

}  // namespace
}  // namespace weir::upstream
