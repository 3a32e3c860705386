#include "weir/tracing/span_queue.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace weir::tracing {
namespace {

using telemetry::SpanMetrics;
using telemetry::SpanResult;

std::uint64_t count_of(const SpanMetrics& metrics, SpanResult result) {
  return metrics.of(static_cast<std::size_t>(result));
}

TEST(SpanQueue, GivesTheOldestFirst) {
  SpanMetrics metrics;
  SpanQueue queue(10, 5, metrics, [] {});
  for (const char* text : {"a", "bb", "ccc"}) queue.push(text, 1);
  EXPECT_EQ(queue.fresh(), 3u);
  std::string all;
  for (SpanBlockPtr block = queue.take(); block; block.reset(block->next)) {
    all += std::string(block->bytes()) + ".";
  }
  EXPECT_EQ(all, "a.bb.ccc.");
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.fresh(), 0u);
}

TEST(SpanQueue, RoomIsGivenBackOnlyWhenSpansHaveLeft) {
  SpanMetrics metrics;
  SpanQueue queue(4, 100, metrics, [] {});
  queue.push("a", 3);
  queue.push("b", 2);
  EXPECT_EQ(count_of(metrics, SpanResult::queue_full), 2u);
  SpanBlockPtr block = queue.take();
  queue.push("c", 2);
  EXPECT_EQ(count_of(metrics, SpanResult::queue_full), 4u);
  queue.left(block->spans);
  queue.push("d", 4);
  EXPECT_EQ(count_of(metrics, SpanResult::queue_full), 4u);
  for (block = queue.take(); block; block.reset(block->next)) queue.left(block->spans);
}

TEST(SpanQueue, WakesForTheFirstAndForABatch) {
  SpanMetrics metrics;
  int woken = 0;
  SpanQueue queue(100, 4, metrics, [&] { ++woken; });
  for (int i = 0; i < 3; ++i) queue.push("x", 1);
  EXPECT_EQ(woken, 1);
  for (int i = 0; i < 3; ++i) queue.push("x", 1);
  EXPECT_EQ(woken, 2);
  for (SpanBlockPtr block = queue.take(); block; block.reset(block->next)) {
  }
  queue.push("x", 1);
  EXPECT_EQ(woken, 3);
  for (SpanBlockPtr block = queue.take(); block; block.reset(block->next)) {
  }
}

TEST(SpanQueue, ManyPushAndNothingIsLost) {
  SpanMetrics metrics;
  SpanQueue queue(1'000'000, 512, metrics, [] {});
  constexpr int each = 20'000;
  std::atomic<int> running = 3;
  std::vector<std::jthread> workers;
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back([&] {
      for (int n = 0; n < each; ++n) queue.push("span", 2);
      --running;
    });
  }
  std::uint64_t taken = 0;
  const auto take = [&] {
    for (SpanBlockPtr block = queue.take(); block; block.reset(block->next)) taken += block->spans;
  };
  while (running != 0) take();
  take();
  EXPECT_EQ(taken, 3u * each * 2);
  EXPECT_EQ(queue.fresh(), 0u);
}

}  // namespace
}  // namespace weir::tracing
