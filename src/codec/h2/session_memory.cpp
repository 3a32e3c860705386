#include "codec/h2/session_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <new>

#include "weir/base/block_cache.hpp"

namespace weir::codec::h2 {
namespace {

// Before each block, as free() is not told its size.
struct alignas(std::max_align_t) Size {
  std::size_t whole;  // with this
  bool in_pages = false;
};

// The room for a frame that each session has for life, and hardly ever fills: in pages of its own
// those that nothing was written to take no memory. A thread keeps a few of those given back.
class FramePages {
 public:
  static constexpr std::size_t size = 20 * 1024;
  static bool fits(std::size_t whole) noexcept { return whole > 16 * 1024 && whole <= size; }

  FramePages() = default;
  FramePages(const FramePages&) = delete;
  FramePages& operator=(const FramePages&) = delete;
  ~FramePages() {
    while (kept_ != 0) ::munmap(free_[--kept_], size);
  }

  // Null when the process has no mapping left.
  void* take() noexcept {
    if (kept_ != 0) return free_[--kept_];
    void* const pages =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? nullptr : pages;
  }
  void give(void* pages) noexcept {
    if (kept_ != free_.size()) {
      free_[kept_++] = pages;
    } else {
      ::munmap(pages, size);
    }
  }
  // Of the thread.
  static FramePages& own() noexcept {
    thread_local FramePages pages;
    return pages;
  }

 private:
  std::array<void*, 16> free_{};
  std::size_t kept_ = 0;
};

Size* size_of(void* block) noexcept { return static_cast<Size*>(block) - 1; }

void* take(std::size_t size, void*) noexcept {
  if (size > std::numeric_limits<std::size_t>::max() - sizeof(Size)) return nullptr;
  const std::size_t whole = size + sizeof(Size);
  if (FramePages::fits(whole)) {
    if (void* const pages = FramePages::own().take()) return ::new (pages) Size{whole, true} + 1;
  }
  try {
    return ::new (BlockCache::take(whole)) Size{whole} + 1;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void give(void* block, void*) noexcept {
  if (block == nullptr) return;
  Size* const size = size_of(block);
  if (size->in_pages) {
    FramePages::own().give(size);
  } else {
    BlockCache::give(size, size->whole);
  }
}

void* take_zeros(std::size_t count, std::size_t size, void*) noexcept {
  if (size != 0 && count > std::numeric_limits<std::size_t>::max() / size) return nullptr;
  void* const block = take(count * size, nullptr);
  if (block != nullptr) std::memset(block, 0, count * size);
  return block;
}

void* resize(void* block, std::size_t size, void*) noexcept {
  if (block == nullptr) return take(size, nullptr);
  void* const other = take(size, nullptr);
  if (other == nullptr) return nullptr;
  std::memcpy(other, block, std::min(size_of(block)->whole - sizeof(Size), size));
  give(block, nullptr);
  return other;
}

}  // namespace

nghttp2_mem* session_memory() noexcept {
  static nghttp2_mem memory{nullptr, take, give, take_zeros, resize};
  return &memory;
}

}  // namespace weir::codec::h2
