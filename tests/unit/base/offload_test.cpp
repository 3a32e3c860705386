#include "weir/base/offload.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <string_view>
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

// Holds all threads that a use may have, and what is posted behind them.
class Held {
 public:
  void hold(Offload& offload, Offload::Use use, unsigned threads) {
    for (unsigned i = 0; i < threads; ++i) {
      std::promise<void> begun;
      ASSERT_TRUE(offload.try_post(
          [&begun, released = released_] {
            begun.set_value();
            released.wait();
          },
          {use, {}}));
      begun.get_future().wait();
    }
  }
  void let_go() { let_go_.set_value(); }

 private:
  std::promise<void> let_go_;
  std::shared_future<void> released_ = let_go_.get_future().share();
};

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

constexpr auto passwords = Offload::Use::passwords;
constexpr auto signatures = Offload::Use::signatures;

TEST(Offload, AFullQueueOfOneUseLeavesTheOtherAlone) {
  Held held;
  Offload offload(3, 4);
  held.hold(offload, passwords, 2);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(offload.try_post([] {}, {passwords, {}}));
  EXPECT_FALSE(offload.try_post([] {}, {passwords, {}}));
  EXPECT_EQ(offload.fill(), 1.0);
  // A thread is left for it, however long the passwords take.
  std::promise<void> checked;
  EXPECT_TRUE(offload.try_post([&] { checked.set_value(); }, {signatures, {}}));
  checked.get_future().wait();
  held.let_go();
}

TEST(Offload, UsesTakeTurnsOnOneThread) {
  std::vector<char> order;
  std::promise<void> last;
  Held held;
  {
    Offload offload(1, 8);
    held.hold(offload, passwords, 1);
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(offload.try_post([&] { order.push_back('p'); }, {passwords, {}}));
    }
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(offload.try_post([&] { order.push_back('s'); }, {signatures, {}}));
    }
    ASSERT_TRUE(offload.try_post([&] { last.set_value(); }, {passwords, {}}));
    held.let_go();
    last.get_future().wait();
  }
  EXPECT_EQ(std::string(order.begin(), order.end()), "spspp");
}

TEST(Offload, OneClientCannotFillTheQueue) {
  struct Row {
    const char* name;
    const char* client;
    const char* same;
    const char* other;
  };
  for (const Row& row : {Row{"IPv4", "192.0.2.1", "192.0.2.1", "192.0.2.2"},
                         Row{"IPv6", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"}}) {
    SCOPED_TRACE(row.name);
    Held held;
    Offload offload(1, 8);
    held.hold(offload, passwords, 1);
    EXPECT_TRUE(offload.try_post([] {}, {passwords, address(row.client)}));
    EXPECT_TRUE(offload.try_post([] {}, {passwords, address(row.same)}));
    EXPECT_FALSE(offload.try_post([] {}, {passwords, address(row.client)}));
    EXPECT_FALSE(offload.try_post([] {}, {passwords, address(row.same)}));
    EXPECT_TRUE(offload.try_post([] {}, {passwords, address(row.other)}));
    EXPECT_TRUE(offload.try_post([] {}, {signatures, address(row.client)}));
    held.let_go();
  }
}

TEST(Offload, ClientsTakeTurns) {
  std::string order;
  std::promise<void> last;
  Held held;
  {
    Offload offload(1, 16);
    held.hold(offload, passwords, 1);
    const auto post = [&](std::string_view client, char mark) {
      ASSERT_TRUE(
          offload.try_post([&order, mark] { order += mark; }, {passwords, address(client)}));
    };
    for (int i = 0; i < 3; ++i) post("192.0.2.1", 'a');
    post("192.0.2.2", 'b');
    post("192.0.2.3", 'c');
    ASSERT_TRUE(offload.try_post([&] { last.set_value(); }, {passwords, address("192.0.2.1")}));
    held.let_go();
    last.get_future().wait();
  }
  EXPECT_EQ(order, "abcaa");
}

}  // namespace
}  // namespace weir::test
