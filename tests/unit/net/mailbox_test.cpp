#include "weir/net/mailbox.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "net/loop_run.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::net {
namespace {

TEST(Mailbox, LettersOfManyThreadsAllComeInEachOnesOrder) {
  constexpr int threads = 3;
  constexpr int letters = 5000;
  Loop loop;
  std::vector<int> last(threads, -1);
  int delivered = 0;
  bool in_order = true;
  std::vector<std::jthread> posters;
  run_on(loop, [&]() -> Task<> {
    for (int t = 0; t < threads; ++t) {
      posters.emplace_back([&, t] {
        for (int n = 0; n < letters; ++n) {
          loop.mailbox().post([&, t, n] {
            int& before = last[static_cast<std::size_t>(t)];
            in_order = in_order && before == n - 1;
            before = n;
            ++delivered;
          });
        }
      });
    }
    EXPECT_TRUE(co_await until(loop, [&] { return delivered == threads * letters; }));
  });
  EXPECT_TRUE(in_order);
}

TEST(Mailbox, ALetterMayPostAnother) {
  Loop loop;
  int hops = 0;
  std::function<void()> hop = [&] {
    if (++hops < 100) loop.mailbox().post(hop);
  };
  run_on(loop, [&]() -> Task<> {
    loop.mailbox().post(hop);
    EXPECT_TRUE(co_await until(loop, [&] { return hops == 100; }));
  });
}

TEST(Mailbox, ManyLettersAreDeliveredOverSeveralTurnsInOrder) {
  Loop loop;
  std::vector<int> got;
  run_on(loop, [&]() -> Task<> {
    TurnTaking turns(loop);
    for (int n = 0; n < 2000; ++n) {
      loop.mailbox().post([&, n] {
        got.push_back(n);
        // One that comes while others wait is not forgotten.
        if (n == 0) loop.mailbox().post([&] { got.push_back(2000); });
      });
    }
    std::size_t before = 0;
    std::size_t most = 0;
    for (int turn = 0; turn < 1000 && before < 2001; ++turn) {
      co_await turns.yield();
      most = std::max(most, got.size() - before);
      before = got.size();
    }
    EXPECT_EQ(before, 2001u);
    EXPECT_LE(most, 256u);
    EXPECT_TRUE(std::ranges::is_sorted(got));
  });
}

TEST(Mailbox, AfterCloseLettersAreDroppedUnread) {
  const auto alive = std::make_shared<int>(0);
  Loop loop;
  loop.mailbox().post([alive] { ++*alive; });
  loop.mailbox().close();
  loop.mailbox().post([alive] { ++*alive; });
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_EQ(*alive, 0);
}

}  // namespace
}  // namespace weir::net
