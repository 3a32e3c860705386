// What became of spans. Counted by workers and by the exporters' threads, seldom: any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::telemetry {

enum class SpanResult : std::uint8_t {
  exported,
  queue_full,  // no room: the collector is away or slow
  failed,      // sent without success, until it was given up
  rejected,    // the collector took the others of its batch
};
inline constexpr std::array<std::string_view, 4> span_result_labels{"exported", "queue_full",
                                                                    "failed", "rejected"};

class SpanMetrics {
 public:
  void add(SpanResult result, std::uint64_t spans) noexcept {
    counts_[static_cast<std::size_t>(result)].fetch_add(spans, std::memory_order_relaxed);
  }
  std::uint64_t of(std::size_t result) const noexcept {
    return counts_[result].load(std::memory_order_relaxed);
  }
  // Shown from now on.
  void use() noexcept { used_.store(true, std::memory_order_relaxed); }
  bool used() const noexcept { return used_.load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<std::uint64_t>, span_result_labels.size()> counts_{};
  std::atomic<bool> used_{false};
};

}  // namespace weir::telemetry
