// How late a worker is: a letter to its loop is sent every tenth of a second, and the time until it
// is delivered is what a timer or an event waits there. One a worker; main thread, but for the
// letter.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

#include "weir/base/time.hpp"
#include "weir/net/loop.hpp"

namespace weir::server {

class LagProbe {
 public:
  static constexpr Duration interval = std::chrono::milliseconds(100);
  static constexpr std::size_t kept = 5;

  // `loop` outlives it.
  explicit LagProbe(net::Loop& loop) noexcept : loop_(loop) {}

  // Takes what came of the last letter and sends another, or, while that one is on its way, counts
  // how long it has been. To be called every `interval`.
  void sample(TimePoint now);
  // The mean of the last `kept` samples: one slow turn of the loop is no overload.
  Duration lag() const noexcept;

 private:
  struct Answer {
    std::atomic<Duration::rep> took{-1};  // -1: not delivered yet
  };

  void post(TimePoint now);
  void add(Duration sample) noexcept;

  net::Loop& loop_;
  std::shared_ptr<Answer> sent_;
  TimePoint sent_at_;
  std::array<Duration, kept> samples_{};
  std::size_t next_ = 0;
};

}  // namespace weir::server
