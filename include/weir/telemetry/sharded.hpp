// One set of cells per worker, made when that worker first needs it, so that what is configured but
// unused costs a pointer. shard(): the worker of that number; for_each(): any thread.
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <memory>

namespace weir::telemetry {

inline constexpr std::size_t cache_line = 64;

template <class Shard>
class Sharded {
 public:
  // `slots`: the number of workers and one for the main thread.
  explicit Sharded(unsigned slots)
      : slots_(slots), shards_(std::make_unique<std::atomic<Shard*>[]>(slots)) {}
  Sharded(const Sharded&) = delete;
  Sharded& operator=(const Sharded&) = delete;
  ~Sharded() {
    for (unsigned i = 0; i < slots_; ++i) delete shards_[i].load(std::memory_order_acquire);
  }

  // The cells of one worker; valid as long as this. REQUIRES: worker < slots; always called for the
  // same worker by the same thread.
  Shard& shard(unsigned worker) {
    assert(worker < slots_);
    Shard* made = shards_[worker].load(std::memory_order_relaxed);
    return made != nullptr ? *made : make(worker);
  }

  template <class Fn>
  void for_each(Fn&& fn) const {
    for (unsigned i = 0; i < slots_; ++i) {
      if (const Shard* made = shards_[i].load(std::memory_order_acquire)) fn(*made);
    }
  }

 private:
  [[gnu::noinline, gnu::cold]] Shard& make(unsigned worker) {
    auto* made = new Shard;
    shards_[worker].store(made, std::memory_order_release);
    return *made;
  }

  unsigned slots_;
  std::unique_ptr<std::atomic<Shard*>[]> shards_;
};

}  // namespace weir::telemetry
