// Gives memory back to the system that a burst took and that nobody uses any more: free() keeps it
// for the process, and the kernel counts it for ever. Main thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstdint>

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
  // What was left behind a trim.
  void trimmed(const MemoryUse& after) noexcept { kept_ = idle(after); }

  static constexpr std::uint64_t enough = 16 * 1024 * 1024;

 private:
  static std::uint64_t idle(const MemoryUse& use) noexcept {
    return use.resident > use.in_use ? use.resident - use.in_use : 0;
  }
  std::uint64_t kept_ = 0;
};

// Looks every few seconds. To look costs some microseconds; it locks malloc for as long as it takes
// to walk through its free blocks, and only when the process is larger than it is at rest.
class MemoryTrim {
 public:
  explicit MemoryTrim(asio::io_context& main);

 private:
  void wait();
  void look();

  TrimRule rule_;
  asio::steady_timer timer_;
};

}  // namespace weir::server
