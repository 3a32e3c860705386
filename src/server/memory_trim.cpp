#include "server/memory_trim.hpp"

#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <new>

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

MemoryTrim::MemoryTrim() {
  // A sanitizer's malloc keeps freed blocks on purpose, and has no such call.
  if (under_sanitizer) return;
  thread_ = std::jthread([this](const std::stop_token& stopping) {
    block_signals();
    ::pthread_setname_np(::pthread_self(), "trim");
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    while (
        !never.wait_for(lock, stopping, between_trims, [&] { return stopping.stop_requested(); }))
      look();
  });
}

void MemoryTrim::look() noexcept {
  try {
    const std::uint64_t resident = resident_bytes();
    if (resident < at_rest) return;
    const MemoryUse before = memory_use(resident);
    if (!rule_.due(before)) return;
    ::malloc_trim(0);
    const MemoryUse after = memory_use(resident_bytes());
    rule_.trimmed(before, after);
    telemetry::log::debug("memory given back", {{"resident_before", before.resident},
                                                {"resident", after.resident},
                                                {"in_use", after.in_use}});
  } catch (const std::bad_alloc&) {
    // The next look tries again.
  }
}

}  // namespace weir::server
