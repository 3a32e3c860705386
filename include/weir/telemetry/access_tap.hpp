// Shows the access log to watchers while it is written: `GET /access_log`, and the demo. A watcher
// sees every request, whatever `access_log.path`, `format` and `sample` say; `access_log.query`
// holds for it too. One per process.
//
// Nobody is waited for: each watcher has a bounded queue, and what does not fit is counted and not
// kept. A request costs one relaxed load while nobody watches; with watchers, formatting its line
// and a short lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "weir/telemetry/access_record.hpp"

namespace weir::telemetry {

// One watcher; stops watching when destroyed. May outlive the tap, and sees nothing new then. One
// thread at a time.
class AccessWatch {
 public:
  virtual ~AccessWatch() = default;
  // Puts the lines since the last call in place of what `lines` held: whole, an object of JSON
  // each, oldest first, together at most AccessTap::queue_bytes. Returns how many more came behind
  // them and were lost. Does not wait.
  virtual std::uint64_t take(std::string& lines) = 0;
};

class AccessTap {
 public:
  static constexpr std::size_t most_watchers = 4;
  // Of each watcher; what it takes is as much again until it has passed it on.
  static constexpr std::size_t queue_bytes = std::size_t{1} << 20;

  explicit AccessTap(unsigned workers);
  ~AccessTap();
  AccessTap(const AccessTap&) = delete;
  AccessTap& operator=(const AccessTap&) = delete;

  // A new watcher, which sees requests that end from now on; null while there are most_watchers.
  // Any thread.
  std::unique_ptr<AccessWatch> watch();

  // Worker thread.
  bool is_watched() const noexcept { return watched_->load(std::memory_order_relaxed); }
  // Gives the record to all watchers. Worker thread.
  void show(unsigned worker, const AccessPolicy& policy, const AccessRecord& record) noexcept;

 private:
  class Watcher;
  struct Watchers;
  struct Lane;

  const std::shared_ptr<Watchers> watchers_;
  const std::atomic<bool>* const watched_;    // of watchers_
  std::vector<std::unique_ptr<Lane>> lanes_;  // one a worker; null until it has something to show
};

}  // namespace weir::telemetry
