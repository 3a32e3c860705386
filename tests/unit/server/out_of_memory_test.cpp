// A request from its first byte to its answer's last one, with each of its allocations failing
// once: whatever becomes of it, nothing that it held is lost.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "allocation_count.hpp"
#include "server/gateway_case.hpp"
#include "support/place.hpp"

namespace weir::server {
namespace {

class OutOfMemory : public testing::TestWithParam<Talk> {};

// False when the request needs fewer than `n` allocations.
bool survives(const Talk& talk, std::size_t n, std::size_t count) {
  const test::Place place(__FILE__, __LINE__,
                          talk.name() + ", allocation " + std::to_string(n) + " failed, " +
                              std::to_string(count) + " in all");
  GatewayCase gateway(talk);
  bool failed = false;
  net::run_on(gateway.loop(), [&]() -> Task<> {
    const Plan plan{.failing_allocation = n, .failing_allocations = count};
    const Served served = co_await gateway.serve(plan);
    failed = served.met;
    EXPECT_TRUE(failed || served.good) << served.got;
    co_await gateway.expect_nothing_left();
    const Served next = co_await gateway.serve({});
    EXPECT_TRUE(next.good) << next.got;
    gateway.leave();
  });
  return failed;
}

void expect_survival(const Talk& talk, std::size_t count) {
  std::size_t n = 1;
  bool failed = true;
  while (failed && n < 2000) {
    // A thread of its own has no blocks from before.
    std::thread thread([&] { failed = survives(talk, n, count); });
    thread.join();
    if (testing::Test::HasFailure()) break;
    ++n;
  }
  EXPECT_GT(n, 20u);
  EXPECT_LT(n, 2000u);
}

TEST_P(OutOfMemory, ARequestLosesNothingWhicheverAllocationFails) {
  if (!counts_allocations()) GTEST_SKIP() << "a sanitizer has its own operator new";
  expect_survival(GetParam(), 1);
}

// What is done about the first one finds no memory, either.
TEST_P(OutOfMemory, ARequestLosesNothingWhereSeveralFail) {
  if (!counts_allocations()) GTEST_SKIP() << "a sanitizer has its own operator new";
  expect_survival(GetParam(), 10);
}

std::vector<Talk> all_talks() {
  std::vector<Talk> out;
  for (const Spoken client : {Spoken::http1, Spoken::h2}) {
    for (const Spoken upstream : {Spoken::http1, Spoken::h2}) {
      out.push_back({client, upstream, false, false});
      out.push_back({client, upstream, false, true});
      out.push_back({client, upstream, true, false});
      out.push_back({client, upstream, false, false, true});
      out.push_back(
          {.client = client, .upstream = upstream, .client_tls = true, .upstream_tls = true});
    }
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, OutOfMemory, testing::ValuesIn(all_talks()),
                         [](const auto& of) { return of.param.name(); });

}  // namespace
}  // namespace weir::server
