#include "weir/telemetry/cells.hpp"

#include <algorithm>
#include <chrono>
#include <new>

namespace weir::telemetry {

void Histogram::keep(std::size_t bucket, Duration duration, const TraceId& trace) noexcept {
  Exemplars* kept = exemplars_.load(std::memory_order_relaxed);
  if (kept == nullptr) {
    try {
      kept = new Exemplars(bound_count + 1);
    } catch (const std::bad_alloc&) {
      return;
    }
    exemplars_.store(kept, std::memory_order_release);
  }
  const auto ns = std::max<Duration::rep>(duration.count(), 0);
  kept->keep(bucket, trace, static_cast<std::uint64_t>(ns),
             std::chrono::duration_cast<std::chrono::microseconds>(
                 std::chrono::system_clock::now().time_since_epoch()));
}

}  // namespace weir::telemetry
