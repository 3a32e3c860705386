// Byte blocks of a few sizes, borrowed from a worker while bytes move and given back before it
// waits: a connection that waits holds none. One pool a worker, that worker's thread only.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace weir {

class BufferPool;

// A borrowed block; goes back to its pool when destroyed. REQUIRES: the pool outlives it.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        data_(std::move(other.data_)),
        size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      release();
      pool_ = std::exchange(other.pool_, nullptr);
      data_ = std::move(other.data_);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  ~Buffer() { release(); }

  explicit operator bool() const noexcept { return data_ != nullptr; }
  std::byte* data() noexcept { return data_.get(); }
  const std::byte* data() const noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }
  std::span<std::byte> span() noexcept { return {data_.get(), size_}; }
  void release() noexcept;

 private:
  friend class BufferPool;
  Buffer(BufferPool& pool, std::unique_ptr<std::byte[]> data, std::size_t size) noexcept
      : pool_(&pool), data_(std::move(data)), size_(size) {}

  BufferPool* pool_ = nullptr;
  std::unique_ptr<std::byte[]> data_;
  std::size_t size_ = 0;
};

class BufferPool {
 public:
  static constexpr std::size_t small_size = 16 * 1024;
  static constexpr std::size_t large_size = 128 * 1024;
  // Room for what a large block holds with frames or records around it.
  static constexpr std::size_t framed_size = 144 * 1024;

  // A block of at least `size` bytes; one of an odd size is not kept afterwards.
  Buffer borrow(std::size_t size = small_size);
  // A block of `size` bytes and no more, for what is kept while its owner waits.
  Buffer borrow_exactly(std::size_t size);

 private:
  friend class Buffer;
  struct Class {
    std::size_t size;
    std::size_t keep;  // free blocks that stay
    std::vector<std::unique_ptr<std::byte[]>> free;
  };
  void give_back(std::unique_ptr<std::byte[]> data, std::size_t size) noexcept;

  std::array<Class, 4> classes_{
      {{small_size, 64, {}}, {64 * 1024, 16, {}}, {large_size, 8, {}}, {framed_size, 8, {}}}};
};

inline void Buffer::release() noexcept {
  if (data_) pool_->give_back(std::move(data_), size_);
  size_ = 0;
}

}  // namespace weir
