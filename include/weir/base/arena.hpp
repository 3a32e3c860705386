// Bump allocation for the bytes of one message: views into it stay valid until the arena goes,
// moves included. Move-only; one thread at a time.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

namespace weir {

class Arena {
 public:
  Arena() = default;
  Arena(Arena&& other) noexcept
      : at_(std::exchange(other.at_, nullptr)),
        end_(std::exchange(other.end_, nullptr)),
        last_(std::exchange(other.last_, nullptr)) {}
  Arena& operator=(Arena&& other) noexcept {
    if (this == &other) return *this;
    if (last_ != nullptr) free_blocks();
    at_ = std::exchange(other.at_, nullptr);
    end_ = std::exchange(other.end_, nullptr);
    last_ = std::exchange(other.last_, nullptr);
    return *this;
  }
  ~Arena() {
    if (last_ != nullptr) free_blocks();
  }

  // Makes room for `size` bytes in one block.
  void reserve(std::size_t size) {
    if (room() < size) grow(size);
  }

  char* allocate(std::size_t size) {
    if (room() < size) grow(size);
    return std::exchange(at_, at_ + size);
  }
  // Where the next allocate() of at most `size` bytes will be.
  char* prepare(std::size_t size) {
    reserve(size);
    return at_;
  }
  // Bytes of its blocks, used or not.
  std::size_t held() const noexcept;
  // Gives back what the last allocate() did not use: all from `end` on.
  void trim(char* end) noexcept { at_ = end; }

  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    char* out = allocate(text.size());
    std::memcpy(out, text.data(), text.size());
    return {out, text.size()};
  }

 private:
  // Stands at the beginning of its memory.
  struct Block {
    Block* before;
    std::size_t size;  // in all
  };

  std::size_t room() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  void grow(std::size_t size);
  void free_blocks() noexcept;

  char* at_ = nullptr;
  char* end_ = nullptr;
  Block* last_ = nullptr;
};

}  // namespace weir
