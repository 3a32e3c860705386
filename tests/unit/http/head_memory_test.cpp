#include "weir/http/head_memory.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace weir {
namespace {

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;

struct Head final : HeadCharge {
  Head(HeadAccount* account, unsigned listener = 0) : HeadCharge(account, listener, peer()) {}
  static const SocketAddress& peer() {
    static const SocketAddress address = *SocketAddress::parse("192.0.2.7:4711");
    return address;
  }
  void give_way() noexcept override { ++told; }
  int told = 0;
};

class HeadMemoryTest : public testing::Test {
 protected:
  HeadMemory& budget(std::uint64_t limit, unsigned workers) {
    memory_ = std::make_unique<HeadMemory>(limit, workers);
    return *memory_;
  }
  std::unique_ptr<HeadAccount> worker() {
    return std::make_unique<HeadAccount>(*memory_,
                                         [this](unsigned listener, const SocketAddress& peer) {
                                           EXPECT_EQ(peer, Head::peer());
                                           refused_.push_back(listener);
                                         });
  }

  std::unique_ptr<HeadMemory> memory_;
  std::vector<unsigned> refused_;
};

TEST_F(HeadMemoryTest, WithoutABudgetAllFits) {
  Head head(nullptr);
  EXPECT_TRUE(head.set(1ULL << 40));
}

TEST_F(HeadMemoryTest, TheOldestGivesWayAndNotTheOneThatAsks) {
  budget(1 * mib, 1);
  const auto account = worker();
  Head first(&*account, 1), second(&*account, 2), third(&*account, 3);
  EXPECT_TRUE(first.set(400 * kib));
  EXPECT_TRUE(second.set(400 * kib));
  EXPECT_TRUE(first.set(500 * kib)) << "its place in the queue stays";
  EXPECT_TRUE(third.set(100 * kib));
  EXPECT_EQ(first.told + second.told + third.told, 0);
  EXPECT_TRUE(third.set(200 * kib));
  EXPECT_EQ(first.told, 1);
  EXPECT_TRUE(first.gave_way());
  EXPECT_FALSE(first.set(1)) << "what gave way comes not back";
  EXPECT_EQ(refused_, (std::vector<unsigned>{1}));
  EXPECT_EQ(account->used(), 600 * kib);
  EXPECT_TRUE(second.set(800 * kib)) << "the oldest grows without giving way to itself";
  EXPECT_EQ(second.told, 0);
}

TEST_F(HeadMemoryTest, AsManyGiveWayAsAreNeeded) {
  budget(1 * mib, 1);
  const auto account = worker();
  std::vector<std::unique_ptr<Head>> heads;
  for (unsigned i = 0; i < 16; ++i) {
    heads.push_back(std::make_unique<Head>(&*account, i));
    ASSERT_TRUE(heads.back()->set(64 * kib));
  }
  Head large(&*account, 99);
  EXPECT_TRUE(large.set(250 * kib));
  EXPECT_EQ(refused_, (std::vector<unsigned>{0, 1, 2, 3}));
}

TEST_F(HeadMemoryTest, AHeadThatIsWholeGivesWayToNobody) {
  budget(1 * mib, 1);
  const auto account = worker();
  Head whole(&*account, 1), other(&*account, 2);
  ASSERT_TRUE(whole.set(900 * kib));
  whole.keep();
  EXPECT_FALSE(other.set(500 * kib));
  EXPECT_EQ(refused_, (std::vector<unsigned>{2}));
  EXPECT_FALSE(other.gave_way());
  EXPECT_EQ(other.bytes(), 0u);
  whole.release();
  EXPECT_TRUE(other.set(500 * kib));
}

TEST_F(HeadMemoryTest, ASmallHeadIsServedHoweverFullItIs) {
  budget(64 * kib, 1);
  const auto account = worker();
  Head whole(&*account, 1);
  ASSERT_TRUE(whole.set(64 * kib));
  whole.keep();
  std::vector<std::unique_ptr<Head>> heads;
  for (unsigned i = 0; i < 100; ++i) {
    heads.push_back(std::make_unique<Head>(&*account, 2));
    ASSERT_TRUE(heads.back()->set(HeadCharge::small));
  }
  EXPECT_LE(account->used(), 64 * kib + HeadCharge::small) << "one of them at a time";
  EXPECT_FALSE(heads.back()->gave_way());
  EXPECT_EQ(refused_.size(), 99u);
}

TEST_F(HeadMemoryTest, OneWorkerLeavesTheOthersTheirPart) {
  budget(64 * mib, 2);
  const auto greedy = worker();
  const auto other = worker();
  std::vector<std::unique_ptr<Head>> heads;
  for (int i = 0; i < 2000; ++i) {
    heads.push_back(std::make_unique<Head>(&*greedy));
    ASSERT_TRUE(heads.back()->set(64 * kib));
  }
  EXPECT_LE(greedy->used(), 48 * mib);
  EXPECT_GT(greedy->used(), 47 * mib);
  Head head(&*other);
  EXPECT_TRUE(head.set(16 * mib));
  EXPECT_FALSE(head.set(17 * mib));
  heads.clear();
  EXPECT_TRUE(head.set(48 * mib)) << "what was given back is there for the other";
}

TEST_F(HeadMemoryTest, ALowerLimitHoldsForThoseWhoComeThen) {
  HeadMemory& memory = budget(64 * mib, 1);
  const auto account = worker();
  Head before(&*account, 1);
  ASSERT_TRUE(before.set(40 * mib));
  memory.set_limit(8 * mib);
  Head then(&*account, 2);
  EXPECT_TRUE(then.set(1 * mib));
  EXPECT_TRUE(before.gave_way());
  EXPECT_EQ(account->used(), 1 * mib);
}

TEST_F(HeadMemoryTest, AllIsGivenBack) {
  budget(32 * mib, 4);
  {
    const auto one = worker();
    Head head(&*one);
    ASSERT_TRUE(head.set(20 * mib));
    ASSERT_TRUE(head.set(10 * mib));
    ASSERT_TRUE(head.set(0));
    EXPECT_EQ(one->used(), 0u);
    ASSERT_TRUE(head.set(20 * mib));
  }
  const auto two = worker();
  Head head(&*two);
  EXPECT_TRUE(head.set(20 * mib));
}

}  // namespace
}  // namespace weir
