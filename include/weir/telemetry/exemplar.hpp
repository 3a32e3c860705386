// The trace of one request for each bucket of a histogram, so that from a slow bucket on a board
// one finds a request that was that slow. Whoever observes a duration hands over the trace with it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "weir/base/time.hpp"

namespace weir::telemetry {

// A trace that somebody keeps (a sampled one), or none: W3C's trace id, 16 bytes.
struct TraceId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  constexpr explicit operator bool() const noexcept { return (high | low) != 0; }
  friend constexpr bool operator==(const TraceId&, const TraceId&) = default;

  // Of 32 digits in lower case; anything else is none.
  static constexpr TraceId parse(std::string_view hex) noexcept {
    if (hex.size() != 32) return {};
    TraceId id;
    for (std::size_t i = 0; i < hex.size(); ++i) {
      const char c = hex[i];
      const bool digit = c >= '0' && c <= '9';
      if (!digit && (c < 'a' || c > 'f')) return {};
      std::uint64_t& half = i < 16 ? id.high : id.low;
      half = half << 4 | static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
    }
    return id;
  }
};

struct Exemplar {
  TraceId trace;
  std::uint64_t nanoseconds = 0;      // that were observed
  std::chrono::microseconds when{0};  // since the epoch
};

// The last exemplar of each bucket. keep(): the owning thread; of(): any thread, without a lock:
// who reads while a slot is written gets nothing from it.
class Exemplars {
 public:
  explicit Exemplars(std::size_t buckets) : slots_(std::make_unique<Slot[]>(buckets)) {}

  // REQUIRES: bucket < buckets.
  void keep(std::size_t bucket, const TraceId& trace, std::uint64_t nanoseconds,
            std::chrono::microseconds when) noexcept {
    constexpr auto relaxed = std::memory_order_relaxed;
    Slot& slot = slots_[bucket];
    const std::uint64_t version = slot.version.load(relaxed);
    slot.version.store(version + 1, relaxed);  // odd: it is being written
    std::atomic_thread_fence(std::memory_order_release);
    slot.high.store(trace.high, relaxed);
    slot.low.store(trace.low, relaxed);
    slot.nanoseconds.store(nanoseconds, relaxed);
    slot.when.store(when.count(), relaxed);
    slot.version.store(version + 2, std::memory_order_release);
  }

  std::optional<Exemplar> of(std::size_t bucket) const noexcept {
    constexpr auto relaxed = std::memory_order_relaxed;
    const Slot& slot = slots_[bucket];
    const std::uint64_t version = slot.version.load(std::memory_order_acquire);
    if (version == 0 || version % 2 != 0) return std::nullopt;
    const Exemplar found{.trace = {slot.high.load(relaxed), slot.low.load(relaxed)},
                         .nanoseconds = slot.nanoseconds.load(relaxed),
                         .when = std::chrono::microseconds(slot.when.load(relaxed))};
    std::atomic_thread_fence(std::memory_order_acquire);
    if (slot.version.load(relaxed) != version) return std::nullopt;
    return found;
  }

 private:
  struct Slot {
    std::atomic<std::uint64_t> version{0};
    std::atomic<std::uint64_t> high{0};
    std::atomic<std::uint64_t> low{0};
    std::atomic<std::uint64_t> nanoseconds{0};
    std::atomic<std::int64_t> when{0};
  };
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace weir::telemetry
