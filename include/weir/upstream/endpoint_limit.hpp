// The limit of an endpoint's requests in flight where it follows what is measured
// (`concurrency`): what its tries took, from all workers, and control::MeasuredLimit behind a lock
// that nobody waits for. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "weir/base/time.hpp"
#include "weir/control/latency_tally.hpp"
#include "weir/control/measured_limit.hpp"
#include "weir/control/probe_turn.hpp"
#include "weir/upstream/try_outcome.hpp"

namespace weir::upstream {

class EndpointLimit {
 public:
  using Policy = control::MeasuredLimit::Policy;

  EndpointLimit(const Policy& policy, TimePoint now) noexcept : measured_(policy, now) {
    publish();
  }

  // Another policy, or other numbers of it, begin anew. Not on a request's way.
  void apply(const Policy& policy, TimePoint now);
  std::uint64_t value() const noexcept { return value_.load(); }

  // A try came to `outcome` while the endpoint had `in_flight` requests, this one included. True:
  // the limit is higher than before. Answers of 5xx and 429 say nothing of how long an answer
  // takes.
  bool tried(TimePoint now, std::uint64_t in_flight, const TryOutcome& outcome,
             control::ProbeTurn& turn) noexcept;

 private:
  bool may_end(TimePoint now) const noexcept;
  void publish() noexcept;  // under mutex_, or while constructed

  control::LatencyTally window_;
  std::atomic<std::uint64_t> value_{0};
  // As of measured_, for those who do not have the lock.
  std::atomic<TimePoint::rep> counts_from_{0};
  std::atomic<TimePoint::rep> earliest_end_{0};
  std::atomic<TimePoint::rep> latest_end_{0};
  std::atomic<std::uint64_t> answers_{0};

  std::mutex mutex_;
  control::MeasuredLimit measured_;  // guarded by mutex_
};

}  // namespace weir::upstream
