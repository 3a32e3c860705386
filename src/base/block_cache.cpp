#include "weir/base/block_cache.hpp"

namespace weir {

// Empties a thread's lists when it ends.
class BlockCacheEnd {
 public:
  // A sanitizer finds the use of a freed block only when it is freed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  BlockCacheEnd() noexcept = default;
#else
  BlockCacheEnd() noexcept { BlockCache::keep_ = BlockCache::most_kept; }
#endif
  ~BlockCacheEnd() {
    BlockCache::keep_ = 0;
    for (BlockCache::List& list : BlockCache::lists_) {
      while (list.first != nullptr) {
        BlockCache::Free* const block = list.first;
        list.first = block->next;
        ::operator delete(block);
      }
      list.kept = 0;
    }
  }
  void touch() noexcept {}
};

void* BlockCache::fresh(std::size_t size) {
  thread_local BlockCacheEnd end;
  end.touch();
  return ::operator new(list_of(size) * 16 + 8);
}

}  // namespace weir
