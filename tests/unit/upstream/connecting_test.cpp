// Connects that hang: their own time, the request's time, a client that leaves meanwhile.
#include "upstream/cluster_case.hpp"

namespace weir::upstream {
namespace {

TEST(Connecting, EndsAtTheTimeThatIsOverFirst) {
  const Unanswering origin;
  if (!origin.hangs()) GTEST_SKIP() << "this kernel answers every connect";
  struct Row {
    const char* name;
    Duration connect_timeout;
    Duration within;
    Reason expected;
  };
  const Row rows[] = {
      {"connect_timeout", 30ms, 10s, Reason::connect_timeout},
      {"the request's own time", 5s, 30ms, Reason::request_timeout},
  };
  for (const Row& row : rows) {
    net::Loop loop;
    auto upstream = upstream_of({origin.text()});
    upstream.connect_timeout = row.connect_timeout;
    const auto cluster = cluster_on(upstream, {&loop});
    run_on(loop, [&]() -> Task<> {
      EXPECT_EQ(reason_of(co_await lease_of(*cluster, loop, 0, row.within)), row.expected)
          << row.name;
      EXPECT_EQ(cluster->describe().endpoints[0].in_flight, 0u);
    });
  }
}

TEST(Connecting, EndsWhenTheClientLeaves) {
  const Unanswering origin;
  if (!origin.hangs()) GTEST_SKIP() << "this kernel answers every connect";
  net::Loop loop;
  const auto cluster = cluster_on(upstream_of({origin.text()}), {&loop});
  run_on(loop, [&]() -> Task<> {
    CancelScope scope;
    net::TaskGroup group(loop);
    const auto request = [&]() -> Task<> {
      Tried tried;
      EXPECT_EQ(reason_of(co_await cluster->acquire(0, tried, no_deadline,
                                                    {.client = {}, .scope = &scope})),
                Reason::client_closed);
    };
    group.spawn(request());
    EXPECT_EQ(cluster->describe().endpoints[0].in_flight, 1u);
    scope.cancel(Reason::client_closed);
    EXPECT_TRUE(co_await group.join(loop.now() + 1s));
    EXPECT_EQ(cluster->describe().endpoints[0].in_flight, 0u);
  });
}

TEST(Connecting, ASlowEndpointDoesNotKeepTheRequestFromTheNext) {
  const Unanswering slow;
  if (!slow.hangs()) GTEST_SKIP() << "this kernel answers every connect";
  net::Loop loop;
  Origin origin;
  auto upstream = upstream_of({slow.text(), origin.text()});
  upstream.connect_timeout = 30ms;
  const auto cluster = cluster_on(upstream, {&loop});
  run_on(loop, [&]() -> Task<> {
    auto lease = co_await lease_of(*cluster, loop);
    EXPECT_TRUE(lease && lease->endpoint().address() == origin.text());
  });
  cluster->leave(0);
}

}  // namespace
}  // namespace weir::upstream
