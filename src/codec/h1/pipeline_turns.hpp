// How much of a pipeline is served before the worker's other connections come in between. One a
// connection; worker thread.
#pragma once

#include <utility>

#include "weir/net/loop.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::codec::h1 {

// How many requests of a connection that came together are served in a turn of the loop, unless the
// turn has taken so long already.
inline constexpr unsigned requests_a_turn = 16;
inline constexpr Duration turn_time = std::chrono::milliseconds(1);

class PipelineTurns {
 public:
  // One more was served and another is here: true when that has to wait for next().
  bool over(const net::Loop& loop) noexcept {
    if (std::exchange(turn_, loop.now()) != loop.now()) served_ = 0;
    return ++served_ >= requests_a_turn || Clock::now() - turn_ >= turn_time;
  }
  // Returns in the loop's next turn.
  static Task<> next(net::Loop& loop) {
    net::TurnTaking turns(loop);
    co_await turns.yield();
  }

 private:
  TimePoint turn_{};  // in which served_ requests were served
  unsigned served_ = 0;
};

}  // namespace weir::codec::h1
