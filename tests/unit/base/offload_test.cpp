#include "weir/base/offload.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace weir::test {
namespace {

TEST(Offload, RunsJobsInOrderOnAnotherThread) {
  std::vector<int> order;
  std::promise<std::thread::id> last;
  auto done = last.get_future();
  Offload offload(1, 8);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(offload.try_post([&order, i] { order.push_back(i); }));
  ASSERT_TRUE(offload.try_post([&] { last.set_value(std::this_thread::get_id()); }));
  EXPECT_NE(done.get(), std::this_thread::get_id());
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(Offload, RefusesWhenTheQueueIsFull) {
  std::promise<void> begun;
  std::promise<void> let_go;
  std::promise<void> last;
  std::atomic<int> ran{0};
  auto released = let_go.get_future().share();
  Offload offload(1, 2);
  ASSERT_TRUE(offload.try_post([&, released] {
    begun.set_value();
    released.wait();
  }));
  begun.get_future().wait();
  EXPECT_TRUE(offload.try_post([&] { ++ran; }));
  EXPECT_TRUE(offload.try_post([&] {
    ++ran;
    last.set_value();
  }));
  EXPECT_FALSE(offload.try_post([&] { ran += 100; }));
  let_go.set_value();
  last.get_future().wait();
  EXPECT_EQ(ran, 2);
}

TEST(Offload, EndsAfterTheRunningJobAndDestroysTheOthers) {
  auto owned = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = owned;
  std::atomic<bool> ended{false};
  {
    std::promise<void> begun;
    Offload offload(1, 2);
    ASSERT_TRUE(offload.try_post([&] {
      begun.set_value();
      ended = true;
    }));
    begun.get_future().wait();
    ASSERT_TRUE(offload.try_post([owned = std::move(owned)] {}));
  }
  EXPECT_TRUE(ended);
  EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace weir::test
