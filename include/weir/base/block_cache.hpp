// Blocks of up to 4 KiB that a thread needs again and again: coroutine frames, a message's bytes
// and fields, the parts of an exchange. Given back they wait in a list of their size, so taking one
// is a few instructions; a bounded number of each size is kept, and beyond that a bounded amount
// of all sizes, for many streams that come and go together. Any thread, each with lists of its own;
// a block may be given back on another thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

namespace weir {

class BlockCache {
 public:
  static constexpr std::size_t largest = 4096;
  static constexpr std::uint32_t most_kept = 64;                // of each size
  static constexpr std::size_t most_surplus = 4 * 1024 * 1024;  // bytes beyond these, a thread

  // At least `size` bytes, aligned for any fundamental type. Throws bad_alloc.
  static void* take(std::size_t size) {
    if (size > largest) return ::operator new(size);
    List& list = lists_[list_of(size)];
    Free* const block = list.first;
    if (block == nullptr) return fresh(size);
    list.first = block->next;
    if (list.kept-- > keep_) surplus_ -= size_of(list_of(size));
    return block;
  }
  // REQUIRES: `block` came from take(size).
  static void give(void* block, std::size_t size) noexcept {
    if (size > largest) return ::operator delete(block);
    List& list = lists_[list_of(size)];
    if (list.kept >= keep_ && !keep_more(list_of(size))) return ::operator delete(block);
    list.first = ::new (block) Free{list.first};
    ++list.kept;
  }

 private:
  friend class BlockCacheEnd;
  struct Free {
    Free* next;
  };
  struct List {
    Free* first = nullptr;
    std::uint32_t kept = 0;
  };

  // Sizes 16 apart, each what malloc gives without waste: 24, 40, 56...
  static constexpr std::size_t list_of(std::size_t size) noexcept { return (size + 7) / 16; }
  static constexpr std::size_t size_of(std::size_t list) noexcept { return list * 16 + 8; }
  static void* fresh(std::size_t size);
  // Counts one more block of that list as surplus; false when there is too much of it.
  static bool keep_more(std::size_t list) noexcept;

  static thread_local constinit std::array<List, largest / 16 + 1> lists_;
  // None until the thread has taken a block, and none again once it ends.
  static thread_local constinit std::uint32_t keep_;
  static thread_local constinit std::size_t surplus_;
};

inline constinit thread_local std::array<BlockCache::List, BlockCache::largest / 16 + 1>
    BlockCache::lists_{};
inline constinit thread_local std::uint32_t BlockCache::keep_ = 0;
inline constinit thread_local std::size_t BlockCache::surplus_ = 0;

// A base for what is made once an exchange or more often: `new` and `delete` use the cache.
struct Cached {
  static void* operator new(std::size_t size) { return BlockCache::take(size); }
  static void operator delete(void* block, std::size_t size) noexcept {
    BlockCache::give(block, size);
  }
};

// The same for containers.
template <class T>
struct CachedAllocator {
  using value_type = T;
  CachedAllocator() = default;
  template <class U>
  CachedAllocator(const CachedAllocator<U>&) noexcept {}

  T* allocate(std::size_t count) { return static_cast<T*>(BlockCache::take(count * sizeof(T))); }
  void deallocate(T* block, std::size_t count) noexcept {
    BlockCache::give(static_cast<void*>(block), count * sizeof(T));
  }
  bool operator==(const CachedAllocator&) const = default;
};

}  // namespace weir
