#include "weir/http/exchange_record.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "allocation_count.hpp"

namespace weir::test {
namespace {

TEST(ExchangeRecord, TriesAddUp) {
  ExchangeRecord record;
  record.tell_upstream("orders");
  record.tell_attempt("10.0.0.1:80", Duration(3), Duration(5));
  record.tell_attempt("10.0.0.2:80", Duration(4), Duration(6));
  record.tell_wait(Duration(10));
  EXPECT_EQ(record.attempts(), 2u);
  EXPECT_EQ(record.endpoint(), "10.0.0.2:80");
  EXPECT_EQ(record.queue_time(), Duration(17));
  EXPECT_EQ(record.connect_time(), Duration(11));
}

TEST(ExchangeRecord, AnotherUpstreamHasNoEndpointYet) {
  ExchangeRecord record;
  record.tell_upstream("orders");
  record.tell_attempt("10.0.0.1:80", {}, {});
  record.tell_upstream("stand-in");
  EXPECT_EQ(record.upstream(), "stand-in");
  EXPECT_EQ(record.endpoint(), "");
  EXPECT_EQ(record.attempts(), 1u);
}

TEST(ExchangeRecord, OfManyTriesTheFirstOnesAndTheLastAreKept) {
  ExchangeRecord record;
  for (std::uint64_t i = 0; i < most_tries_told + 3; ++i) {
    record.tell_try({.endpoint = {}, .result = {}, .bytes = i});
  }
  ASSERT_EQ(record.tries().size(), most_tries_told);
  EXPECT_EQ(record.tries()[most_tries_told - 2].bytes, most_tries_told - 2);
  EXPECT_EQ(record.tries().back().bytes, most_tries_told + 2);
}

TEST(ExchangeRecord, ATryThatThereIsNoMemoryForIsLeftOut) {
  if (!counts_allocations()) GTEST_SKIP() << "a sanitizer has its own operator new";
  // A thread of its own has no blocks from before.
  std::thread([] {
    ExchangeRecord record;
    const std::size_t before = failed_allocations();
    fail_allocation(1);
    record.tell_try({.endpoint = "a", .result = "reset"});
    fail_allocation(0);
    EXPECT_EQ(failed_allocations(), before + 1);
    EXPECT_TRUE(record.tries().empty());
    record.tell_try({.endpoint = "b", .result = "ok"});
    EXPECT_EQ(record.tries().size(), 1u);
  }).join();
}

TEST(ExchangeRecord, ATunnelKeepsWhatWasTold) {
  ExchangeRecord record;
  Arena texts;
  {
    const std::string configured = "an upstream with a long name";
    record.tell_upstream(configured);
    record.tell_tunnel(texts);
  }
  EXPECT_TRUE(record.tunnelled());
  EXPECT_EQ(record.upstream(), "an upstream with a long name");
}

}  // namespace
}  // namespace weir::test
