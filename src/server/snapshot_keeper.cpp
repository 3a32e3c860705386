#include "weir/server/snapshot_keeper.hpp"

#include <cassert>
#include <utility>

#include "weir/server/snapshot.hpp"

namespace weir::server {

SnapshotKeeper::~SnapshotKeeper() {
  close();
  assert(living_ == 0);
}

std::shared_ptr<Snapshot> SnapshotKeeper::keep(std::unique_ptr<Snapshot> made) {
  {
    const std::lock_guard lock(mutex_);
    unused_.reserve(living_ + 1);
    ++living_;
  }
  return {made.release(), [this](Snapshot* unused) { dropped(unused); }};
}

std::size_t SnapshotKeeper::living() const {
  const std::lock_guard lock(mutex_);
  return living_;
}

void SnapshotKeeper::open(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  call_ = std::move(call);
}

void SnapshotKeeper::close() noexcept {
  {
    const std::lock_guard lock(mutex_);
    call_ = nullptr;
  }
  free_unused();
}

void SnapshotKeeper::dropped(Snapshot* unused) noexcept {
  {
    const std::lock_guard lock(mutex_);
    unused_.push_back(unused);
    if (call_) return call_();
  }
  free_unused();
}

void SnapshotKeeper::free_unused() noexcept {
  while (true) {
    Snapshot* next = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (unused_.empty()) return;
      next = unused_.back();
      unused_.pop_back();
    }
    delete next;
    const std::lock_guard lock(mutex_);
    --living_;
  }
}

}  // namespace weir::server
