// Requests that have come whole and wait to be served: a turn of the worker's loop begins a bounded
// number of a connection's, so that its other connections come in between. Owned by a connection,
// worker thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "weir/base/time.hpp"

namespace weir::codec::h2 {

class StartQueue {
 public:
  // In a turn, unless the turn has taken so long already.
  static constexpr unsigned a_turn = 64;
  static constexpr Duration turn_time = std::chrono::milliseconds(1);

  void push(std::int32_t stream) { streams_.push_back(stream); }
  bool empty() const noexcept { return next_ == streams_.size(); }
  std::size_t size() const noexcept { return streams_.size() - next_; }
  // The first one, until pop(). REQUIRES: not empty.
  std::int32_t front() const noexcept { return streams_[next_]; }
  // It was begun. REQUIRES: not empty.
  void pop() noexcept {
    ++begun_;
    ++next_;
    if (!empty()) return;
    streams_.clear();
    next_ = 0;
  }
  // Whether the turn that began at `turn` has had its share.
  bool turn_is_over(TimePoint turn) noexcept {
    if (std::exchange(turn_, turn) != turn) begun_ = 0;
    if (begun_ == 0) return false;
    return begun_ >= a_turn || Clock::now() - turn >= turn_time;
  }

 private:
  std::vector<std::int32_t> streams_;  // from next_ on
  std::size_t next_ = 0;
  TimePoint turn_{};
  unsigned begun_ = 0;  // in it
};

}  // namespace weir::codec::h2
