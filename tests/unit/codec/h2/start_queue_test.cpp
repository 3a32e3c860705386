#include "codec/h2/start_queue.hpp"

#include <gtest/gtest.h>

namespace weir::codec::h2 {
namespace {

using namespace std::chrono_literals;

// A turn that has just begun, as far as the clock says.
TimePoint fresh_turn() { return Clock::now() + 1h; }

TEST(StartQueueTest, IsAQueue) {
  StartQueue queue;
  EXPECT_TRUE(queue.empty());
  for (int stream = 1; stream < 100; stream += 2) queue.push(stream);
  EXPECT_EQ(queue.size(), 50U);
  for (int stream = 1; stream < 50; stream += 2) {
    EXPECT_EQ(queue.front(), stream);
    queue.pop();
  }
  queue.push(101);
  EXPECT_EQ(queue.size(), 26U);
  for (int stream = 51; stream < 102; stream += 2) {
    EXPECT_EQ(queue.front(), stream);
    queue.pop();
  }
  EXPECT_TRUE(queue.empty());
}

TEST(StartQueueTest, ATurnTakesABoundedNumber) {
  StartQueue queue;
  for (int i = 0; i < 1000; ++i) queue.push(i);
  TimePoint turn = fresh_turn();
  for (int turns = 0; turns < 10; ++turns, turn += 1ns) {
    unsigned begun = 0;
    for (; !queue.turn_is_over(turn); ++begun) queue.pop();
    EXPECT_EQ(begun, StartQueue::a_turn);
  }
}

TEST(StartQueueTest, ATurnThatHasTakenLongTakesOne) {
  StartQueue queue;
  for (int i = 0; i < 1000; ++i) queue.push(i);
  TimePoint turn = Clock::now() - StartQueue::turn_time;
  for (int turns = 0; turns < 10; ++turns, turn -= 1ns) {
    unsigned begun = 0;
    for (; !queue.turn_is_over(turn); ++begun) queue.pop();
    EXPECT_EQ(begun, 1U);
  }
}

}  // namespace
}  // namespace weir::codec::h2
