// Bytes from one thread to another without a lock. The producer writes a line straight into the
// ring: behind the end there is room for the longest one, and what went past the end is copied to
// the beginning.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace weir::telemetry {

class ByteRing {
 public:
  // REQUIRES: `size` is a power of two and at least twice `longest`.
  ByteRing(std::size_t size, std::size_t longest)
      : bytes_(std::make_unique_for_overwrite<char[]>(size + longest)),
        size_(size),
        longest_(longest) {
    assert(std::has_single_bit(size) && size >= 2 * longest);
  }

  // --- producer
  // Where the next `longest` bytes may be written; null if there is no room.
  char* reserve() noexcept {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (size_ - (head - known_tail_) < longest_) {
      known_tail_ = tail_.load(std::memory_order_acquire);
      if (size_ - (head - known_tail_) < longest_) return nullptr;
    }
    return bytes_.get() + (head & (size_ - 1));
  }
  // Publishes the first `n` of them. REQUIRES: n <= longest.
  void commit(std::size_t n) noexcept {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    const std::size_t at = head & (size_ - 1);
    if (at + n > size_) std::memcpy(bytes_.get(), bytes_.get() + size_, at + n - size_);
    head_.store(head + n, std::memory_order_release);
  }
  bool half_full() noexcept {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head - known_tail_ <= size_ / 2) return false;
    known_tail_ = tail_.load(std::memory_order_acquire);
    return head - known_tail_ > size_ / 2;
  }

  // --- consumer
  // The oldest bytes, as far as they lie together; empty when there are none.
  std::string_view readable() const noexcept {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    const std::size_t used = head_.load(std::memory_order_acquire) - tail;
    const std::size_t at = tail & (size_ - 1);
    return {bytes_.get() + at, std::min(used, size_ - at)};
  }
  // Gives `n` of them back. REQUIRES: n <= readable().size().
  void release(std::size_t n) noexcept {
    tail_.store(tail_.load(std::memory_order_relaxed) + n, std::memory_order_release);
  }

 private:
  const std::unique_ptr<char[]> bytes_;
  const std::size_t size_;
  const std::size_t longest_;
  alignas(64) std::atomic<std::size_t> head_{0};  // written by the producer; counts all bytes ever
  std::size_t known_tail_ = 0;                    // the producer's; never ahead of tail_
  alignas(64) std::atomic<std::size_t> tail_{0};  // written by the consumer
};

}  // namespace weir::telemetry
