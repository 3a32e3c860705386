#include "codec/h2/session_memory.hpp"

#include <algorithm>
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
};

Size* size_of(void* block) noexcept { return static_cast<Size*>(block) - 1; }

void* take(std::size_t size, void*) noexcept {
  if (size > std::numeric_limits<std::size_t>::max() - sizeof(Size)) return nullptr;
  const std::size_t whole = size + sizeof(Size);
  try {
    return ::new (BlockCache::take(whole)) Size{whole} + 1;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void give(void* block, void*) noexcept {
  if (block == nullptr) return;
  Size* const size = size_of(block);
  BlockCache::give(size, size->whole);
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
