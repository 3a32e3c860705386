#include "server/failure_log.hpp"

#include <gtest/gtest.h>

#include <string>

#include "allocation_count.hpp"
#include "support/place.hpp"

namespace weir::server {
namespace {

// Connections are refused, and fail, when there is no memory: to tell of it must not end the
// process.
TEST(FailureLog, StandsEachAllocationThatFails) {
  if (!counts_allocations()) GTEST_SKIP() << "a sanitizer has its own operator new";
  const auto peer = SocketAddress::parse("[2001:db8:0:1:2:3:4:5]:40000");
  ASSERT_TRUE(peer);
  std::size_t n = 0;
  for (bool failed = true; failed && n < 200;) {
    const test::Place place(__FILE__, __LINE__, "allocation " + std::to_string(++n) + " failed");
    const std::size_t before = failed_allocations();
    fail_allocation(n);
    log_refused_connection(Clock::now(), "public", *peer, telemetry::Refusal::no_memory, "full");
    log_failed_handshake(Clock::now(), "public", *peer, 1, HandshakeFault::timeout, "too late");
    fail_allocation(0);
    failed = failed_allocations() != before;
  }
  EXPECT_GT(n, 1u);
  EXPECT_LT(n, 200u);
}

}  // namespace
}  // namespace weir::server
