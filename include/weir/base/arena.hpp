// Bump allocation for the bytes of one message: views into it stay valid until the arena goes,
// moves included. Move-only; one thread at a time.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

class Arena {
 public:
  Arena() = default;
  Arena(Arena&& other) noexcept
      : block_(std::move(other.block_)),
        full_(std::move(other.full_)),
        used_(std::exchange(other.used_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Arena& operator=(Arena&& other) noexcept {
    block_ = std::move(other.block_);
    full_ = std::move(other.full_);
    used_ = std::exchange(other.used_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  // Makes room for `size` bytes in one block.
  void reserve(std::size_t size) {
    if (capacity_ - used_ < size) grow(size);
  }

  char* allocate(std::size_t size) {
    if (capacity_ - used_ < size) grow(size);
    char* out = block_.get() + used_;
    used_ += size;
    return out;
  }

  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    char* out = allocate(text.size());
    std::memcpy(out, text.data(), text.size());
    return {out, text.size()};
  }

 private:
  // A first block of this size, with malloc's own overhead, still comes from its per-thread cache.
  static constexpr std::size_t first_block = 1000;

  void grow(std::size_t size);

  std::unique_ptr<char[]> block_;
  std::vector<std::unique_ptr<char[]>> full_;
  std::size_t used_ = 0;
  std::size_t capacity_ = 0;
};

inline void Arena::grow(std::size_t size) {
  std::size_t next = capacity_ == 0 ? first_block : capacity_ * 2;
  if (next < size) next = size;
  if (block_) full_.push_back(std::move(block_));
  block_ = std::make_unique_for_overwrite<char[]>(next);
  capacity_ = next;
  used_ = 0;
}

}  // namespace weir
