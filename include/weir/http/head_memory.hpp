// How much memory the heads of requests that have not come whole may take together. The budget is
// the process's; each worker has a part of its own, and takes more in batches from what all share,
// so no line of the cache goes from worker to worker for an ordinary request. Whose head came whole
// with its first bytes charges nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "weir/base/ip.hpp"

namespace weir {

// Of the process. Any thread.
class HeadMemory {
 public:
  // REQUIRES: workers != 0.
  HeadMemory(std::uint64_t limit, unsigned workers) noexcept : limit_(limit), workers_(workers) {}

  std::uint64_t limit() const noexcept { return limit_.load(std::memory_order_relaxed); }
  // A lower one lets nobody grow until enough was given back.
  void set_limit(std::uint64_t limit) noexcept { limit_.store(limit, std::memory_order_relaxed); }

 private:
  friend class HeadAccount;
  // One half is divided among the workers, the other is taken by who needs it.
  std::uint64_t own_part() const noexcept { return limit() / 2 / workers_; }
  bool borrow(std::uint64_t bytes) noexcept;
  void give_back(std::uint64_t bytes) noexcept {
    borrowed_.fetch_sub(bytes, std::memory_order_relaxed);
  }

  std::atomic<std::uint64_t> limit_;
  const unsigned workers_;
  alignas(64) std::atomic<std::uint64_t> borrowed_{0};
};

class HeadCharge;

// Of a worker, its thread alone. Outlives its charges.
class HeadAccount {
 public:
  // Hears of each head that had to give way: the number of its listener, and whose it was.
  using Refused = std::function<void(unsigned listener, const SocketAddress& peer)>;
  HeadAccount(HeadMemory& shared, Refused refused)
      : shared_(shared), refused_(std::move(refused)) {}
  ~HeadAccount();
  HeadAccount(const HeadAccount&) = delete;
  HeadAccount& operator=(const HeadAccount&) = delete;

  std::uint64_t used() const noexcept { return used_; }

 private:
  friend class HeadCharge;
  bool take(std::uint64_t bytes) noexcept;
  void give(std::uint64_t bytes) noexcept;
  void link(HeadCharge& charge) noexcept;
  void unlink(HeadCharge& charge) noexcept;

  HeadMemory& shared_;
  Refused refused_;
  std::uint64_t used_ = 0;
  std::uint64_t borrowed_ = 0;
  HeadCharge* oldest_ = nullptr;
  HeadCharge* newest_ = nullptr;
};

// What one head, or the heads of one connection, hold. Its place in the queue of those who give way
// is the time of its first grow() since it was last empty.
class HeadCharge {
 public:
  // A null account: nothing is charged. `listener` and `peer`: whose head it is, for the count and
  // the log; `peer` outlives the charge.
  HeadCharge(HeadAccount* account, unsigned listener, const SocketAddress& peer) noexcept
      : account_(account), listener_(listener), peer_(peer) {}
  HeadCharge(const HeadCharge&) = delete;
  HeadCharge& operator=(const HeadCharge&) = delete;
  virtual ~HeadCharge() { release(); }

  // A head of so many bytes is let in when no other can give way, so that a worker whose budget is
  // spent still serves. The next one makes it give way: there is one at most.
  static constexpr std::uint64_t small = 2048;

  // Holds `bytes` from now on, more or less than before. When the budget is spent, the worker's
  // oldest heads give way, but not this one; false when that is not enough, or when this one had
  // given way: nothing has changed. The former is counted as refused.
  [[nodiscard]] bool set(std::uint64_t bytes);
  // The head is whole: it does not give way any more.
  void keep() noexcept;
  void release() noexcept;
  // It had to give way: what it held is another's, and to be freed soon.
  bool gave_way() const noexcept { return gave_way_; }
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  friend class HeadAccount;
  // Told once, from within another's set(): wakes whoever has to free what is held.
  virtual void give_way() noexcept = 0;

  HeadAccount* const account_;
  const unsigned listener_;
  const SocketAddress& peer_;
  bool queued_ = false;
  bool gave_way_ = false;
  std::uint64_t bytes_ = 0;
  HeadCharge* older_ = nullptr;
  HeadCharge* newer_ = nullptr;
};

}  // namespace weir
