// Finished spans on their way from the workers to an exporter's thread: a worker never waits, takes
// no lock, and makes a system call only when the thread has something new to do. Bounded in spans,
// those on their way to the collector included.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "weir/telemetry/span_metrics.hpp"

namespace weir::tracing {

// Of one request: `spans` fields of a message ScopeSpans, one behind the other.
struct SpanBlock {
  SpanBlock* next = nullptr;
  std::uint32_t spans = 0;
  std::uint32_t size = 0;  // bytes, which stand behind this
  std::string_view bytes() const noexcept {
    return {reinterpret_cast<const char*>(this + 1), size};
  }
  struct Free {
    void operator()(SpanBlock* block) const noexcept { ::operator delete(block); }
  };
};
using SpanBlockPtr = std::unique_ptr<SpanBlock, SpanBlock::Free>;

class SpanQueue {
 public:
  // `batch`: so many spans are worth an export at once. `wake` is called by push() when there is
  // something after nothing, and when there are that many.
  SpanQueue(std::uint64_t room, std::uint64_t batch, telemetry::SpanMetrics& metrics,
            std::function<void()> wake)
      : room_(room), batch_(batch), metrics_(metrics), wake_(std::move(wake)) {}
  SpanQueue(const SpanQueue&) = delete;
  SpanQueue& operator=(const SpanQueue&) = delete;
  ~SpanQueue();

  // Copies them; what finds no room, or no memory, is counted as lost. Any thread.
  void push(std::string_view bytes, std::uint32_t spans) noexcept;

  // --- the exporter's thread
  // All that came, the oldest first; null for nothing.
  SpanBlockPtr take() noexcept;
  // So many have left for good: others have their room.
  void left(std::uint64_t spans) noexcept { waiting_.fetch_sub(spans); }
  // How many spans take() has not seen; about.
  std::uint64_t fresh() const noexcept { return fresh_.load(); }
  // Whether it has seen all.
  bool empty() const noexcept { return last_.load() == nullptr; }

 private:
  const std::uint64_t room_;
  const std::uint64_t batch_;
  telemetry::SpanMetrics& metrics_;
  const std::function<void()> wake_;
  std::atomic<std::uint64_t> waiting_{0};  // all that have not left
  std::atomic<std::uint64_t> fresh_{0};    // of those the ones that take() has not seen
  std::atomic<SpanBlock*> last_{nullptr};
};

}  // namespace weir::tracing
