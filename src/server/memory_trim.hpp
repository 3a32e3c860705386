// Gives memory back to the system that a burst took and that nobody uses any more: free() keeps it
// for the process, and the kernel counts it for ever. Main thread.
#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <thread>

#include "weir/base/asio.hpp"

namespace weir::server {

// Bytes of the process at one moment.
struct MemoryUse {
  std::uint64_t resident = 0;  // what the kernel counts
  std::uint64_t in_use = 0;    // blocks that malloc gave and that were not freed
};

// When it is worth while to look through the heap for what can go back. Pure.
class TrimRule {
 public:
  // Whether more than `enough` bytes became free, but stay resident, since the last trim. What is
  // resident without malloc (programs, tables of callers) is told from them by staying behind.
  bool due(const MemoryUse& now) noexcept;
  // What a trim found and what it left. One that gave much back is followed by another: more may
  // have become free beside it.
  void trimmed(const MemoryUse& before, const MemoryUse& after) noexcept {
    if (before.resident < after.resident + enough) kept_ = idle(after);
  }

  static constexpr std::uint64_t enough = 16 * 1024 * 1024;

 private:
  static std::uint64_t idle(const MemoryUse& use) noexcept {
    return use.resident > use.in_use ? use.resident - use.in_use : 0;
  }
  std::uint64_t kept_ = 0;
};

// Looks every few seconds. To look locks each of malloc's arenas for as long as it takes to walk
// through its free blocks, and happens only when the process is larger than it is at rest. A trim
// can take long where pages are dear (virtual machines), so it has a thread of its own.
class MemoryTrim {
 public:
  explicit MemoryTrim(asio::io_context& main);

 private:
  void wait();
  void look();
  void begin_trim();
  void end_trim();

  TrimRule rule_;
  asio::steady_timer timer_;
  MemoryUse before_;
  MemoryUse after_;                   // by the thread, before it says
  std::atomic<bool> trimmed_{false};  // that it has nothing more to do
  std::jthread thread_;               // while a trim runs, and until its end was seen
};

}  // namespace weir::server
