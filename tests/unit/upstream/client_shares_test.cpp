#include "upstream/client_shares.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "allocation_count.hpp"

namespace weir::upstream {
namespace {

using namespace std::chrono_literals;

IpAddress address(const char* text) { return IpAddress::parse(text).value(); }

TEST(ClientShares, LimitsEachClientExactly) {
  ClientShares shares(2);
  const IpAddress one = address("192.0.2.1");
  EXPECT_TRUE(shares.enter(one, 2));
  EXPECT_TRUE(shares.enter(one, 2));
  EXPECT_FALSE(shares.enter(one, 2));
  EXPECT_TRUE(shares.enter(address("192.0.2.2"), 2));
  shares.leave(one);
  EXPECT_TRUE(shares.enter(one, 2));
}

TEST(ClientShares, AnIpv6ClientIsItsNetwork) {
  ClientShares shares(1);
  EXPECT_TRUE(shares.enter(address("2001:db8::1"), 1));
  EXPECT_FALSE(shares.enter(address("2001:db8::2"), 1));
  EXPECT_TRUE(shares.enter(address("2001:db8:0:1::1"), 1));
  EXPECT_TRUE(shares.enter(address("32.1.13.184"), 1)) << "the same bytes, another family";
}

TEST(ClientShares, APlaceIsLeftOnce) {
  ClientShares shares(1);
  const IpAddress one = address("192.0.2.1");
  ASSERT_TRUE(shares.enter(one, 1));
  ClientPlace place(shares, one);
  ClientPlace moved(std::move(place));
  ClientPlace assigned;
  assigned = std::move(moved);
  EXPECT_FALSE(shares.enter(one, 1));
  assigned.end();
  assigned.end();
  EXPECT_TRUE(shares.enter(one, 1));
  EXPECT_FALSE(shares.enter(one, 1));
}

TEST(ClientShares, CountsOverTheWorkers) {
  ClientShares shares(2);
  const IpAddress one = address("192.0.2.1");
  const ClientCells first = shares.take(0, one);
  const ClientCells second = shares.take(1, one);
  EXPECT_EQ(shares.held(first), 2u);
  EXPECT_EQ(shares.held(second), 2u);
  shares.give_back(0, first);
  EXPECT_EQ(shares.held(second), 1u);
  shares.give_back(1, second);
  EXPECT_EQ(shares.held(second), 0u);
}

TEST(ClientShares, OthersHardlyCountForAClient) {
  ClientShares shares(1);
  for (int n = 0; n < 40; ++n) {
    shares.take(0, address(("10.0.0." + std::to_string(n)).c_str()));
  }
  const ClientCells mine = shares.take(0, address("192.0.2.1"));
  EXPECT_LT(shares.held(mine), 10u);
}

TEST(ClientShares, WarnsOnceAMinute) {
  ClientShares shares(1);
  const TimePoint now{1000s};
  EXPECT_TRUE(shares.may_warn(now));
  EXPECT_FALSE(shares.may_warn(now + 59s));
  EXPECT_TRUE(shares.may_warn(now + 60s));
}

TEST(ClientShares, ManyThreadsNeverPassTheLimit) {
  ClientShares shares(4);
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  {
    std::vector<std::jthread> threads;
    for (int n = 0; n < 4; ++n) {
      threads.emplace_back([&] {
        const IpAddress one = address("192.0.2.1");
        for (int k = 0; k < 5000; ++k) {
          if (!shares.enter(one, 2)) continue;
          const int held = ++now;
          int before = most;
          while (before < held && !most.compare_exchange_weak(before, held)) {
          }
          --now;
          shares.leave(one);
        }
      });
    }
  }
  EXPECT_LE(most, 2);
  EXPECT_GE(most, 1);
}

TEST(ClientShares, APlaceIsGivenBackWithoutMemory) {
  if (!counts_allocations()) GTEST_SKIP() << "a sanitizer has its own operator new";
  ClientShares shares(1);
  const IpAddress client = address("2001:db8::1");
  EXPECT_TRUE(shares.enter(client, 1));
  EXPECT_FALSE(shares.enter(client, 1));
  const std::size_t before = allocation_count();
  shares.leave(client);
  EXPECT_EQ(allocation_count(), before) << "what ends cannot stand one that fails";
  EXPECT_TRUE(shares.enter(client, 1));
}

}  // namespace
}  // namespace weir::upstream
