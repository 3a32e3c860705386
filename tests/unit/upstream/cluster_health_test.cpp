// Endpoints that leave the balancer's choice for their health, and come back.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

#include "upstream/cluster_case.hpp"
#include "upstream/health_check_run.hpp"

namespace weir::upstream {
namespace {

using Served = std::set<std::string>;

const CheckResult failure{.passed = false, .cause = "503"};
const CheckResult success{.passed = true, .cause = {}};

config::Upstream judged_upstream(std::vector<std::string> addresses) {
  config::Upstream out = upstream_of(std::move(addresses));
  out.load_balancer.panic_threshold = 0;
  out.outlier_detection.emplace();
  out.health_check.emplace();
  return out;
}

// Who gets six requests.
Task<Served> served_by(Cluster& cluster, net::Loop& loop) {
  Served out;
  for (int i = 0; i < 6; ++i) {
    auto lease = co_await lease_of(cluster, loop);
    out.insert(lease ? lease->endpoint().address() : std::string(name(lease.error().reason)));
  }
  co_return out;
}

void tell_tries(Cluster& cluster, const EndpointInfo& of, control::CallEnd end, int status,
                int times) {
  for (int i = 0; i < times; ++i) {
    cluster.tried(0, *of.endpoint, {.end = end, .status = status, .head = 1ms});
  }
}

TEST(ClusterHealth, ErrorsEjectAndTimeBringsBack) {
  net::Loop loop;
  Origin first, second;
  const auto cluster = cluster_on(judged_upstream({first.text(), second.text()}), {&loop});
  const Served both{first.text(), second.text()};
  const Served rest{second.text()};
  run_on(loop, [&]() -> Task<> {
    EXPECT_EQ(co_await served_by(*cluster, loop), both);
    const EndpointInfo bad = cluster->describe().endpoints[0];
    tell_tries(*cluster, bad, control::CallEnd::answered, 503, 4);
    tell_tries(*cluster, bad, control::CallEnd::answered, 500, 1);
    tell_tries(*cluster, bad, control::CallEnd::reset, 0, 4);
    tell_tries(*cluster, bad, control::CallEnd::unknown, 0, 9);
    EXPECT_EQ(co_await served_by(*cluster, loop), both);
    tell_tries(*cluster, bad, control::CallEnd::timeout, 0, 1);
    const EndpointInfo ejected = cluster->describe().endpoints[0];
    EXPECT_FALSE(ejected.healthy());
    if (!ejected.ejection) co_return ADD_FAILURE() << "not ejected";
    EXPECT_EQ(ejected.ejection->why, "5 errors");
    EXPECT_EQ(cluster->describe().ejections[0], 1U);
    EXPECT_EQ(co_await served_by(*cluster, loop), rest);
    // The last one stays, whatever it does.
    tell_tries(*cluster, cluster->describe().endpoints[1], control::CallEnd::connect, 0, 50);
    EXPECT_EQ(co_await served_by(*cluster, loop), rest);
    EXPECT_EQ(cluster->describe().endpoints[1].not_ejected,
              "5 errors, but it is the last one in use");
    EXPECT_EQ(cluster->describe().endpoints[0].not_ejected, "");
    const TimePoint now = loop.now();
    const Deadline end = cluster->keep_ejections(now);
    EXPECT_LE(end, now + 30s);
    EXPECT_EQ(cluster->keep_ejections(end), no_deadline);
    EXPECT_EQ(co_await served_by(*cluster, loop), both);
    EXPECT_TRUE(cluster->describe().endpoints[0].healthy());
  });
  cluster->leave(0);
}

TEST(ClusterHealth, WithoutTheRuleNobodyIsEjected) {
  net::Loop loop;
  Origin first, second;
  const auto cluster = cluster_on(upstream_of({first.text(), second.text()}), {&loop});
  const Served both{first.text(), second.text()};
  run_on(loop, [&]() -> Task<> {
    tell_tries(*cluster, cluster->describe().endpoints[0], control::CallEnd::answered, 503, 50);
    EXPECT_EQ(co_await served_by(*cluster, loop), both);
  });
  cluster->leave(0);
}

TEST(ClusterHealth, ChecksTakeOutAndLetIn) {
  net::Loop loop;
  Origin first, second;
  const auto cluster = cluster_on(judged_upstream({first.text(), second.text()}), {&loop});
  const Served both{first.text(), second.text()};
  const Served rest{second.text()};
  run_on(loop, [&]() -> Task<> {
    const TimePoint now = loop.now();
    (void)co_await served_by(*cluster, loop);
    auto& endpoint = const_cast<Endpoint&>(*cluster->describe().endpoints[0].endpoint);
    cluster->check_asks(endpoint, "GET /", now);
    cluster->checked(endpoint, failure, now, now);
    EXPECT_EQ(cluster->describe().endpoints[0].unhealthy, "unhealthy: 1 check failed: 503");
    EXPECT_EQ(co_await served_by(*cluster, loop), rest);
    cluster->checked(endpoint, success, now, now);
    EXPECT_EQ(co_await served_by(*cluster, loop), rest);
    cluster->checked(endpoint, success, now, now + 1s);
    EXPECT_EQ(co_await served_by(*cluster, loop), both);
    EXPECT_EQ(endpoint.health().since(), now + 1s);
    EXPECT_EQ(cluster->describe().checks_passed, 2U);
    EXPECT_EQ(cluster->describe().checks_failed, 1U);
    // What is asked changes: nothing is known.
    cluster->checked(endpoint, failure, now, now);
    cluster->check_asks(endpoint, "GET /other", now);
    EXPECT_EQ(cluster->describe().endpoints[0].checks, control::Verdict::unknown);
  });
  cluster->leave(0);
}

TEST(ClusterHealth, AnEjectionAndFailedChecksAreTwoThings) {
  net::Loop loop;
  Origin first, second;
  const auto cluster = cluster_on(judged_upstream({first.text(), second.text()}), {&loop});
  const Served both{first.text(), second.text()};
  const Served rest{second.text()};
  run_on(loop, [&]() -> Task<> {
    const TimePoint now = loop.now();
    const EndpointInfo bad = cluster->describe().endpoints[0];
    auto& endpoint = const_cast<Endpoint&>(*bad.endpoint);
    tell_tries(*cluster, bad, control::CallEnd::answered, 503, 5);
    cluster->checked(endpoint, failure, now, now);
    (void)cluster->keep_ejections(now + 60s);
    EXPECT_FALSE(cluster->describe().endpoints[0].ejection);
    EXPECT_EQ(co_await served_by(*cluster, loop), rest);
    for (int i = 0; i < 2; ++i) {
      cluster->checked(endpoint, success, now, now);
    }
    EXPECT_EQ(co_await served_by(*cluster, loop), both);
  });
  cluster->leave(0);
}

TEST(ClusterHealth, WithAllOutThereIsNoHealthyEndpoint) {
  net::Loop loop;
  Origin only;
  const auto cluster = cluster_on(judged_upstream({only.text()}), {&loop});
  const Served none{"no_healthy_endpoint"};
  run_on(loop, [&]() -> Task<> {
    const TimePoint now = loop.now();
    auto& endpoint = const_cast<Endpoint&>(*cluster->describe().endpoints[0].endpoint);
    cluster->checked(endpoint, failure, now, now);
    EXPECT_EQ(co_await served_by(*cluster, loop), none);
  });
  cluster->leave(0);
}

TEST(ClusterHealth, StateFollowsTheAddress) {
  net::Loop loop;
  Origin first, second;
  const config::Upstream settings = judged_upstream({first.text(), second.text()});
  const auto cluster = cluster_on(settings, {&loop});
  const Served both{first.text(), second.text()};
  const Served rest{second.text()};
  run_on(loop, [&]() -> Task<> {
    tell_tries(*cluster, cluster->describe().endpoints[0], control::CallEnd::answered, 503, 5);
    config::Upstream other = settings;
    other.pool.in_flight = 7;
    std::swap(other.endpoints[0], other.endpoints[1]);
    cluster->apply(other);
    EXPECT_FALSE(cluster->describe().endpoints[0].ejection);
    EXPECT_TRUE(cluster->describe().endpoints[1].ejection);
    EXPECT_EQ(co_await served_by(*cluster, loop), rest);
    other.outlier_detection.reset();
    cluster->apply(other);
    EXPECT_EQ(cluster->keep_ejections(loop.now()), no_deadline);
    EXPECT_EQ(co_await served_by(*cluster, loop), both);
  });
  cluster->leave(0);
}

}  // namespace
}  // namespace weir::upstream
