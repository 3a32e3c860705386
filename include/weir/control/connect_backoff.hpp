// How long an endpoint is the last choice after a connect to it failed: one second, doubled by each
// further failure up to thirty; a connect that succeeds ends it. And who may connect while it is
// not known to work: one at a time. A pure function of the times it is told; one an endpoint,
// shared by all workers; any thread. standing() costs a load, and so does succeeded() where nothing
// had failed.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "weir/base/time.hpp"

namespace weir::control {

class ConnectBackoff {
 public:
  static constexpr Duration first_pause = std::chrono::seconds(1);
  static constexpr Duration longest_pause = std::chrono::seconds(30);

  enum class Standing : std::uint8_t {
    good,     // the last connect succeeded
    untried,  // no connect has come to anything yet, or it answers again: one may find out
    paused,   // a connect failed: not again before the pause is over
    due,      // the pause is over: one may look whether it answers
  };

  struct Failure {
    std::string cause;    // of the last connect that failed
    Duration next_try{};  // until the pause is over, not negative
  };

  Standing standing(TimePoint now) const noexcept {
    const TimePoint::rep word = word_.load(std::memory_order_relaxed);
    if (word == is_good) return Standing::good;
    if (word == is_untried) return Standing::untried;
    if (now.time_since_epoch().count() < word) return Standing::paused;
    return answers_.load(std::memory_order_relaxed) ? Standing::untried : Standing::due;
  }
  // The last connect failed. A load.
  bool has_failed() const noexcept {
    const TimePoint::rep word = word_.load(std::memory_order_relaxed);
    return word != is_good && word != is_untried;
  }
  // The last connect failed; nothing otherwise. Takes a lock only then.
  std::optional<Failure> failure(TimePoint now) const;

  // The right to be the one that finds out: false when somebody else has it. Whoever has it gives
  // it back with release(), after telling what came of it.
  bool claim() noexcept { return !claimed_.exchange(true, std::memory_order_acq_rel); }
  void release() noexcept { claimed_.store(false, std::memory_order_release); }
  bool claimed() const noexcept { return claimed_.load(std::memory_order_relaxed); }

  // A connect that began at `began` failed. One that began before the pause was over says nothing
  // new and does not lengthen it. True when the endpoint was usable until now.
  bool failed(TimePoint began, TimePoint now, std::string cause);
  // A connect succeeded. True when that was not known.
  bool succeeded() noexcept {
    return word_.load(std::memory_order_relaxed) != is_good && becomes_good();
  }
  // A connect has taken so long that others shall not begin one: good becomes untried.
  void doubt() noexcept {
    TimePoint::rep expected = is_good;
    word_.compare_exchange_strong(expected, is_untried, std::memory_order_relaxed);
  }
  // It was found out that the endpoint answers, but not all of what a connect needs (TLS): once the
  // pause is over, one request may try it.
  void answers() noexcept { answers_.store(true, std::memory_order_relaxed); }

 private:
  // What word_ is instead of the end of the pause.
  static constexpr TimePoint::rep is_untried = 0;
  static constexpr TimePoint::rep is_good = -1;

  bool becomes_good() noexcept;

  std::atomic<TimePoint::rep> word_{is_untried};  // changed under mutex_, doubt() aside
  std::atomic<bool> answers_{false};
  std::atomic<bool> claimed_{false};
  mutable std::mutex mutex_;
  Duration pause_{};   // guarded by mutex_, as what follows
  std::string cause_;  // of the last failure
};

}  // namespace weir::control
