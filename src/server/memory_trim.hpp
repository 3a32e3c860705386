// Gives memory back to the system that a burst took and that nobody uses any more: free() keeps it
// for the process, and the kernel counts it for ever.
#pragma once

#include <cstdint>
#include <thread>

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

// Looks every few seconds, on a thread of its own: a trim can take long where pages are dear
// (virtual machines), and to look locks each of malloc's arenas for as long as it takes to walk
// through its free blocks. Happens only when the process is larger than it is at rest.
class MemoryTrim {
 public:
  MemoryTrim();

 private:
  void look() noexcept;

  TrimRule rule_;  // the thread's
  std::jthread thread_;
};

}  // namespace weir::server
