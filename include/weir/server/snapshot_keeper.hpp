// Counts the snapshots that are in memory and has them freed at one place: to free one with 10,000
// regular expressions takes 60 ms, for which whoever drops the last reference (a worker at the end
// of a request) has no time. Owned by the process; outlives every snapshot that it keeps.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace weir::server {

class Snapshot;

class SnapshotKeeper {
 public:
  SnapshotKeeper() = default;
  ~SnapshotKeeper();
  SnapshotKeeper(const SnapshotKeeper&) = delete;
  SnapshotKeeper& operator=(const SnapshotKeeper&) = delete;

  // Any thread. Throws std::bad_alloc, and `made` is gone then.
  std::shared_ptr<Snapshot> keep(std::unique_ptr<Snapshot> made);
  // Those in use, those that are compiled just now and those that wait to be freed; any thread.
  std::size_t living() const;

  // From now on a snapshot without a reference waits for free_unused(), and `call` says so: on the
  // thread that dropped the reference, which holds a lock; it must neither throw nor call this.
  void open(std::function<void()> call);
  // From now on, as before open(), whoever drops the last reference frees the snapshot. Frees those
  // that wait.
  void close() noexcept;
  // Frees those that wait.
  void free_unused() noexcept;

 private:
  void dropped(Snapshot* unused) noexcept;

  mutable std::mutex mutex_;
  std::function<void()> call_;  // guarded by mutex_, as what follows; empty: not open
  std::size_t living_ = 0;
  std::vector<Snapshot*> unused_;  // has room for all that live
};

}  // namespace weir::server
