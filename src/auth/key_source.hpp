// Where one issuer's keys are looked up: the set in force, and a way to wait for a fetch under way.
// Shared by the policies that use it and, while it works on it, the KeyKeeper; any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "auth/key_set.hpp"
#include "auth/refresh_schedule.hpp"
#include "weir/base/cancel.hpp"
#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/waiter.hpp"
#include "weir/telemetry/cells.hpp"

namespace weir::auth {

class KeySource {
 public:
  // Keys that are there from the start.
  explicit KeySource(std::shared_ptr<const KeySet> keys);
  // Keys that are fetched: none yet. `wake` tells the fetching thread that due() has changed.
  KeySource(TimePoint now, std::function<void()> wake);

  // Null until the first fetch has succeeded.
  std::shared_ptr<const KeySet> keys() const;
  // Changes with the keys: what was verified with others is to be verified again.
  std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }

  // A token names a key that is not among keys(). True when a fetch runs, or begins for it.
  bool ask(TimePoint now);
  // Returns when the fetch that runs or is due has ended, at once when none is; at the deadline,
  // and when `scope` (null: none) is cancelled.
  Task<> fetched(net::Loop& loop, Deadline deadline, CancelScope* scope = nullptr);

  // Seconds since the epoch, see key_keeper.hpp.
  std::shared_ptr<const telemetry::SharedValue> last_success() const { return last_success_; }

  // --- for whoever brings the keys
  void publish(std::shared_ptr<const KeySet> keys);
  // When the next fetch is due; TimePoint::max() while one runs, and for keys that are not fetched.
  TimePoint due() const;
  void begin_fetch();
  // Tells everybody who waits. REQUIRES: after publish(), if the fetch brought other keys.
  void end_fetch(bool success, std::optional<Duration> max_age, TimePoint now);

 private:
  // What a waiting coroutine shares with the letter that wakes it.
  struct Ticket {
    net::Waiter* waiter = nullptr;  // the loop's thread only
  };
  struct Waiting {
    net::Mailbox* mailbox;
    std::shared_ptr<Ticket> ticket;
  };
  bool wait(net::Loop& loop, const std::shared_ptr<Ticket>& ticket);
  void leave(const std::shared_ptr<Ticket>& ticket);

  const std::function<void()> wake_;
  std::atomic<std::uint64_t> generation_{1};
  const std::shared_ptr<telemetry::SharedValue> last_success_ =
      std::make_shared<telemetry::SharedValue>();
  mutable std::mutex mutex_;
  std::shared_ptr<const KeySet> keys_;       // guarded by mutex_
  std::optional<RefreshSchedule> schedule_;  // guarded by mutex_; nothing: never fetched
  std::vector<Waiting> waiting_;             // guarded by mutex_
};

}  // namespace weir::auth
