#include "weir/telemetry/exemplar.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "weir/telemetry/cells.hpp"

namespace weir::telemetry {
namespace {

using namespace std::chrono_literals;

TEST(TraceId, IsReadFromThirtyTwoLowerCaseDigits) {
  const TraceId id = TraceId::parse("0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(id.high, 0x0af7651916cd43ddU);
  EXPECT_EQ(id.low, 0x8448eb211c80319cU);
  EXPECT_TRUE(id);
  for (const char* none :
       {"", "0af7", "0AF7651916CD43DD8448EB211C80319C", "0af7651916cd43dd8448eb211c80319c0",
        "0af7651916cd43dd8448eb211c80319g", "00000000000000000000000000000000"}) {
    EXPECT_FALSE(TraceId::parse(none)) << none;
  }
}

TEST(Exemplars, TheLastOneOfABucketIsKept) {
  Exemplars kept(3);
  EXPECT_FALSE(kept.of(1));
  kept.keep(1, {1, 2}, 30, 40us);
  kept.keep(1, {5, 6}, 70, 80us);
  kept.keep(2, {9, 9}, 99, 99us);
  const auto found = kept.of(1);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->trace, (TraceId{5, 6}));
  EXPECT_EQ(found->nanoseconds, 70U);
  EXPECT_EQ(found->when, 80us);
  EXPECT_FALSE(kept.of(0));
}

TEST(Exemplars, WhoReadsWhileOneIsWrittenSeesAWholeOneOrNone) {
  constexpr std::uint64_t last = 200'000;
  Exemplars kept(1);
  std::jthread writer([&] {
    for (std::uint64_t i = 1; i <= last; ++i) {
      kept.keep(0, {i, i}, i, std::chrono::microseconds(i));
    }
  });
  std::uint64_t seen = 0;
  while (seen < last) {
    const auto found = kept.of(0);
    if (!found) continue;
    ASSERT_EQ(found->trace.high, found->trace.low);
    ASSERT_EQ(found->trace.low, found->nanoseconds);
    ASSERT_EQ(found->nanoseconds, static_cast<std::uint64_t>(found->when.count()));
    ASSERT_GE(found->nanoseconds, seen);
    seen = found->nanoseconds;
  }
}

TEST(Histogram, KeepsAnExemplarOnlyOfARequestWithATrace) {
  Histogram histogram;
  histogram.observe(3ms);
  histogram.observe(3ms, TraceId{});
  EXPECT_EQ(histogram.exemplars(), nullptr);
  histogram.observe(-3ms, TraceId{1, 2});
  ASSERT_NE(histogram.exemplars(), nullptr);
  const auto found = histogram.exemplars()->of(0);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->nanoseconds, 0U);
  EXPECT_GT(found->when, 1'600'000'000s);
  EXPECT_EQ(histogram.in_bucket(0), 1U);
  EXPECT_FALSE(histogram.exemplars()->of(Histogram::bucket_of(3'000'000)));
}

}  // namespace
}  // namespace weir::telemetry
