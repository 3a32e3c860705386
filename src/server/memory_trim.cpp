#include "server/memory_trim.hpp"

#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <new>
#include <system_error>

#include "weir/base/sanitizer.hpp"
#include "weir/base/signals.hpp"
#include "weir/base/time.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {
namespace {

constexpr Duration between_trims = std::chrono::seconds(5);
// A process below it has nothing to give back that somebody would miss.
constexpr std::uint64_t at_rest = 48 * 1024 * 1024;

std::uint64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t whole = 0;
  std::uint64_t resident = 0;
  if (!(in >> whole >> resident)) return 0;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

MemoryUse memory_use(std::uint64_t resident) {
  const struct mallinfo2 info = ::mallinfo2();
  return {.resident = resident, .in_use = info.uordblks + info.hblkhd};
}

}  // namespace

bool TrimRule::due(const MemoryUse& now) noexcept {
  kept_ = std::min(kept_, idle(now));
  return idle(now) - kept_ > enough;
}

MemoryTrim::MemoryTrim(asio::io_context& main) : timer_(main) {
  // A sanitizer's malloc keeps freed blocks on purpose, and has no such call.
  if (!under_sanitizer) wait();
}

void MemoryTrim::wait() {
  timer_.expires_after(between_trims);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    look();
    wait();
  });
}

void MemoryTrim::look() {
  if (thread_.joinable()) {
    if (trimmed_) end_trim();
    return;
  }
  const std::uint64_t resident = resident_bytes();
  if (resident < at_rest) return;
  before_ = memory_use(resident);
  if (rule_.due(before_)) begin_trim();
}

void MemoryTrim::begin_trim() {
  trimmed_ = false;
  try {
    thread_ = std::jthread([this] {
      block_signals();
      ::pthread_setname_np(::pthread_self(), "trim");
      ::malloc_trim(0);
      try {
        after_ = memory_use(resident_bytes());
      } catch (const std::bad_alloc&) {
        after_ = before_;
      }
      trimmed_ = true;
    });
  } catch (const std::system_error&) {
    // No thread to be had now: the next look tries again.
  }
}

void MemoryTrim::end_trim() {
  thread_.join();
  thread_ = {};
  rule_.trimmed(before_, after_);
  telemetry::log::debug("memory given back", {{"resident_before", before_.resident},
                                              {"resident", after_.resident},
                                              {"in_use", after_.in_use}});
}

}  // namespace weir::server
