// How long the last answers' heads of an upstream took: quantiles of the last 30 s, of all workers
// together. Each worker counts in buckets of its own, and who asks adds them up, at most twice a
// second; so nothing here waits, and while nobody watches nothing is counted. Exact to an eighth of
// the value, between 16 us and 137 s. The rule is pure: time is an argument. Each function says
// which thread may call it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "weir/base/time.hpp"

namespace weir::control {

enum class Quantile : std::uint8_t { p50, p90, p95, p99 };
inline constexpr std::size_t quantile_count = 4;

class LatencyWindow {
 public:
  // In steps of a tenth: what counts is never older than this and, under steady traffic, reaches
  // back nine tenths of it.
  static constexpr Duration length = std::chrono::seconds(30);
  // With fewer there is no quantile.
  static constexpr std::uint64_t least_samples = 100;
  // How old a quantile may be.
  static constexpr Duration refreshed_every = std::chrono::milliseconds(500);

  explicit LatencyWindow(unsigned workers);
  ~LatencyWindow();
  LatencyWindow(const LatencyWindow&) = delete;
  LatencyWindow& operator=(const LatencyWindow&) = delete;

  // While one lives, times are counted. Move-only; the window outlives it.
  class Watch {
   public:
    Watch() = default;
    // Any thread; allocates with the first one, 9 KiB a worker.
    explicit Watch(LatencyWindow& window);
    Watch(Watch&& other) noexcept : window_(std::exchange(other.window_, nullptr)) {}
    Watch& operator=(Watch&& other) noexcept {
      std::swap(window_, other.window_);
      return *this;
    }
    ~Watch() {
      if (window_ != nullptr) window_->watchers_.fetch_sub(1, std::memory_order_relaxed);
    }

   private:
    LatencyWindow* window_ = nullptr;
  };

  // Any thread; a load.
  bool watched() const noexcept { return watchers_.load(std::memory_order_relaxed) != 0; }
  // The thread of that worker; a negative time counts as zero. Without a watch ever: nothing.
  void add(unsigned worker, TimePoint now, Duration time) noexcept;
  // The time that this share of the heads did not exceed; nothing with too few of them. Any thread.
  std::optional<Duration> quantile(Quantile which, TimePoint now) noexcept;

  // --- the buckets; for tests, too
  static constexpr std::size_t buckets = 186;
  static std::size_t bucket_of(Duration time) noexcept;
  // Where the bucket begins; that of `buckets` is the end of the last one.
  static Duration begin_of(std::size_t bucket) noexcept;

 private:
  static constexpr std::size_t steps = 10;  // of the window
  // Two more than count, so that no step is cleared while somebody reads it.
  static constexpr std::size_t slots = steps + 2;
  static constexpr std::int64_t no_step = -1;

  // Written by one worker, read by all.
  struct Slot {
    std::atomic<std::int64_t> step{no_step};
    std::array<std::atomic<std::uint32_t>, buckets> counts{};
  };
  struct alignas(64) Worker {
    std::array<Slot, slots> ring;
  };
  static std::int64_t step_of(TimePoint now) noexcept;
  void refresh(TimePoint now) noexcept;

  const unsigned workers_;
  std::atomic<unsigned> watchers_{0};
  std::atomic<Worker*> counted_{nullptr};  // of made_
  std::mutex making_;
  std::unique_ptr<Worker[]> made_;  // guarded by making_
  std::atomic<Duration::rep> refresh_at_{0};
  std::array<std::atomic<Duration::rep>, quantile_count> found_;  // negative: none
};

}  // namespace weir::control
