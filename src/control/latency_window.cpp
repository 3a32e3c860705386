#include "weir/control/latency_window.hpp"

#include <algorithm>
#include <bit>

namespace weir::control {
namespace {

// Eight buckets for each doubling from 2^first_bit ns to 2^end_bit ns, one below and one above.
constexpr unsigned first_bit = 14;
constexpr unsigned end_bit = 37;
constexpr unsigned sub_bits = 3;
constexpr std::size_t subs = std::size_t{1} << sub_bits;
static_assert(LatencyWindow::buckets == (end_bit - first_bit) * subs + 2);

constexpr std::array<std::uint64_t, quantile_count> per_mille{500, 900, 950, 990};

}  // namespace

LatencyWindow::LatencyWindow(unsigned workers) : workers_(workers) {
  for (auto& each : found_) each.store(-1, std::memory_order_relaxed);
}

LatencyWindow::~LatencyWindow() = default;

LatencyWindow::Watch::Watch(LatencyWindow& window) : window_(&window) {
  {
    const std::lock_guard lock(window.making_);
    if (!window.made_) {
      window.made_ = std::make_unique<Worker[]>(window.workers_);
      window.counted_.store(window.made_.get(), std::memory_order_release);
    }
  }
  window.watchers_.fetch_add(1, std::memory_order_relaxed);
}

std::size_t LatencyWindow::bucket_of(Duration time) noexcept {
  const auto ns = static_cast<std::uint64_t>(std::max<Duration::rep>(time.count(), 0));
  const auto width = static_cast<unsigned>(std::bit_width(ns));  // ns is below 2^width
  if (width <= first_bit) return 0;
  if (width > end_bit) return buckets - 1;
  const std::size_t sub = (ns >> (width - 1 - sub_bits)) & (subs - 1);
  return 1 + (width - 1 - first_bit) * subs + sub;
}

Duration LatencyWindow::begin_of(std::size_t bucket) noexcept {
  if (bucket == 0) return Duration::zero();
  // The last one has no end: what it holds is told as its beginning.
  const std::size_t at = std::min(bucket, buckets - 1) - 1;
  const auto doublings = static_cast<unsigned>(at / subs);
  const std::uint64_t ns = (subs + at % subs) << (first_bit + doublings - sub_bits);
  return Duration(static_cast<Duration::rep>(ns));
}

std::int64_t LatencyWindow::step_of(TimePoint now) noexcept {
  return std::max<std::int64_t>(now.time_since_epoch() / (length / steps), 0);
}

void LatencyWindow::add(unsigned worker, TimePoint now, Duration time) noexcept {
  Worker* const all = counted_.load(std::memory_order_acquire);
  if (all == nullptr) return;
  const std::int64_t step = step_of(now);
  Slot& slot = all[worker].ring[static_cast<std::size_t>(step) % slots];
  if (const std::int64_t was = slot.step.load(std::memory_order_relaxed); was != step) {
    if (was > step) return;
    slot.step.store(no_step, std::memory_order_relaxed);
    for (auto& each : slot.counts) each.store(0, std::memory_order_relaxed);
    slot.step.store(step, std::memory_order_release);
  }
  std::atomic<std::uint32_t>& count = slot.counts[bucket_of(time)];
  count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

std::optional<Duration> LatencyWindow::quantile(Quantile which, TimePoint now) noexcept {
  const Duration::rep at = now.time_since_epoch().count();
  Duration::rep due = refresh_at_.load(std::memory_order_relaxed);
  // Who gets it adds up; the others take what was found before.
  if (at >= due && refresh_at_.compare_exchange_strong(due, at + Duration(refreshed_every).count(),
                                                       std::memory_order_relaxed)) {
    refresh(now);
  }
  const Duration::rep found =
      found_[static_cast<std::size_t>(which)].load(std::memory_order_relaxed);
  if (found < 0) return std::nullopt;
  return Duration(found);
}

void LatencyWindow::refresh(TimePoint now) noexcept {
  std::array<std::uint64_t, buckets> sums{};
  std::uint64_t all = 0;
  const Worker* const counted = counted_.load(std::memory_order_acquire);
  const std::int64_t last = step_of(now);
  for (unsigned worker = 0; counted != nullptr && worker < workers_; ++worker) {
    for (const Slot& slot : counted[worker].ring) {
      const std::int64_t step = slot.step.load(std::memory_order_acquire);
      // Another worker's clock may be a turn ahead.
      if (step == no_step || step <= last - static_cast<std::int64_t>(steps) || step > last + 1)
        continue;
      for (std::size_t i = 0; i < buckets; ++i) {
        sums[i] += slot.counts[i].load(std::memory_order_relaxed);
      }
    }
  }
  for (const std::uint64_t each : sums) all += each;
  for (std::size_t q = 0; q < quantile_count; ++q) {
    Duration::rep found = -1;
    if (all >= least_samples) {
      // The nearest rank, and within its bucket as if its times were spread evenly.
      const std::uint64_t rank = (all * per_mille[q] + 999) / 1000;
      std::uint64_t before = 0;
      std::size_t bucket = 0;
      while (before + sums[bucket] < rank) before += sums[bucket++];
      const Duration begin = begin_of(bucket);
      const auto width = static_cast<double>((begin_of(bucket + 1) - begin).count());
      const double part = static_cast<double>(rank - before) / static_cast<double>(sums[bucket]);
      found = begin.count() + static_cast<Duration::rep>(width * part);
    }
    found_[q].store(found, std::memory_order_relaxed);
  }
}

}  // namespace weir::control
