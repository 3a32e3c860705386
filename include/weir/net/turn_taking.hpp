// Lets other coroutines of the worker go on: where both sides of a transfer are always ready,
// nothing else would make it wait. Worker thread only.
#pragma once

#include <cstddef>

#include "weir/net/loop.hpp"
#include "weir/net/waiter.hpp"

namespace weir::net {

class TurnTaking {
 public:
  explicit TurnTaking(Loop& loop) noexcept : waiter_(loop) {}

  // Counts a piece that was moved; true when it is time for yield().
  bool moved(std::size_t bytes) noexcept {
    bytes_ += bytes + piece_cost;
    return bytes_ >= most_bytes;
  }
  // co_await turns.yield(): goes on in the loop's next turn.
  auto yield() {
    bytes_ = 0;
    waiter_.reset();
    waiter_.notify();
    return waiter_.wait(no_deadline);
  }

 private:
  static constexpr std::size_t most_bytes = 1024 * 1024;
  // What moving a piece of any size costs, in bytes that would take as long: a sender may cut its
  // content into chunks of one byte.
  static constexpr std::size_t piece_cost = 4096;

  Waiter waiter_;
  std::size_t bytes_ = 0;
};

}  // namespace weir::net
