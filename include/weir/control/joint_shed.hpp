// Sheds a share of the calls to an upstream while these come too fast or are answered too slowly.
// One an upstream, part of its circuit breaker, shared by all workers; a lock for each call where
// it is on. Pure: time is an argument.
//
// The rate is that of the last ten full tenths of a second, whatever becomes of the calls: those
// that are shed or refused count, too, so shedding does not end itself. The p95 is that of the
// calls that ended in the last five seconds, of at least 20; it is known in steps of a ninth.
// Shedding begins when either is above its limit, and ends when both were below 0.9 of it for five
// seconds.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "weir/base/priority.hpp"
#include "weir/base/time.hpp"
#include "weir/control/shed_cause.hpp"

namespace weir::control {

struct JointShedPolicy {
  double rate = 0;      // calls a second; 0: not looked at
  Duration p95{};       // until the answer's head; 0: not looked at
  double share = 0.15;  // above 0, at most 1

  friend bool operator==(const JointShedPolicy&, const JointShedPolicy&) = default;
};

struct JointShedChange {
  bool active = false;  // it begins; false: it ends
  ShedCause cause = ShedCause::rate;
  JointShedPolicy policy;
  double rate = 0;              // measured
  std::optional<Duration> p95;  // measured
  // Of what ends.
  Duration lasted{};
  std::uint64_t calls = 0;
  std::uint64_t shed = 0;
};

// What there is to see of one.
struct JointShedView {
  bool on = false;  // has a policy
  bool active = false;
  ShedCause cause = ShedCause::rate;  // while active
  JointShedPolicy policy;
  double rate = 0;              // calls a second
  std::optional<Duration> p95;  // at most so much; nothing: too few calls
  // Shed so far, by priority and cause: rate, p95.
  std::array<std::array<std::uint64_t, 2>, priority_count> shed{};
};

class JointShed {
 public:
  // Told when it begins and ends, under the lock: must not call it. May be empty.
  using Observer = std::function<void(const JointShedChange&)>;
  static constexpr Duration step = std::chrono::milliseconds(100);
  static constexpr Duration calm_for = std::chrono::seconds(5);
  static constexpr std::uint64_t least_answers = 20;  // for a p95

  // `seed`: which calls are of the share.
  explicit JointShed(Observer observer = {}, std::uint64_t seed = 0);
  ~JointShed();
  JointShed(const JointShed&) = delete;
  JointShed& operator=(const JointShed&) = delete;

  // --- any thread

  // Nothing for none. With another policy than before it starts anew, inactive.
  void apply(const std::optional<JointShedPolicy>& policy);
  // A load. False: the others need not be called.
  bool on() const noexcept { return on_.load(std::memory_order_relaxed); }
  // A call that comes; why it is to be refused, nothing if it is not. `may_refuse`: it would pass
  // otherwise.
  std::optional<ShedCause> call(Priority priority, TimePoint now, bool may_refuse);
  // A call ended whose head, or failure, took so long.
  void answered(TimePoint now, Duration took);
  // Makes the change that is due at `now`.
  JointShedView view(TimePoint now);

 private:
  using Shed = std::array<std::array<std::uint64_t, 2>, priority_count>;
  class Running;  // the windows and the state, a few KiB: there where it is on

  const Observer observer_;
  const std::uint64_t seed_;
  std::atomic<bool> on_{false};

  std::mutex mutex_;  // guards what follows, and writing on_
  std::unique_ptr<Running> running_;
  Shed shed_{};  // by policies of before, too
};

}  // namespace weir::control
