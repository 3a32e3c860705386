#include "weir/tracing/span_queue.hpp"

#include <cstring>
#include <new>

namespace weir::tracing {

SpanQueue::~SpanQueue() {
  SpanBlockPtr rest = take();
  while (rest) {
    metrics_.add(telemetry::SpanResult::failed, rest->spans);
    rest.reset(rest->next);
  }
}

void SpanQueue::push(std::string_view bytes, std::uint32_t spans) noexcept {
  const bool fits = waiting_.fetch_add(spans) + spans <= room_;
  void* const memory =
      fits ? ::operator new(sizeof(SpanBlock) + bytes.size(), std::nothrow) : nullptr;
  if (memory == nullptr) {
    waiting_.fetch_sub(spans);
    metrics_.add(telemetry::SpanResult::queue_full, spans);
    return;
  }
  auto* const block = new (memory)
      SpanBlock{.next = nullptr, .spans = spans, .size = static_cast<std::uint32_t>(bytes.size())};
  std::memcpy(block + 1, bytes.data(), bytes.size());
  SpanBlock* before = last_.load(std::memory_order_relaxed);
  do {
    block->next = before;
  } while (!last_.compare_exchange_weak(before, block));
  const std::uint64_t now = fresh_.fetch_add(spans) + spans;
  if (before == nullptr || (now >= batch_ && now - spans < batch_)) wake_();
}

SpanBlockPtr SpanQueue::take() noexcept {
  SpanBlock* newest = last_.exchange(nullptr);
  SpanBlock* first = nullptr;
  std::uint64_t spans = 0;
  while (newest != nullptr) {
    SpanBlock* const older = newest->next;
    newest->next = first;
    first = newest;
    spans += newest->spans;
    newest = older;
  }
  // One that is pushed and not yet counted is taken off before it is added: the sum is right then.
  fresh_.fetch_sub(spans);
  return SpanBlockPtr(first);
}

}  // namespace weir::tracing
