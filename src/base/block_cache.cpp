#include "weir/base/block_cache.hpp"

#include "weir/base/sanitizer.hpp"

namespace weir {

// Empties a thread's lists when it ends.
class BlockCacheEnd {
 public:
  // A sanitizer finds the use of a freed block only when it is freed.
  BlockCacheEnd() noexcept { BlockCache::keep_ = under_sanitizer ? 0 : BlockCache::most_kept; }
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
    BlockCache::surplus_ = 0;
  }
  void touch() noexcept {}
};

void* BlockCache::fresh(std::size_t size) {
  thread_local BlockCacheEnd end;
  end.touch();
  return ::operator new(size_of(list_of(size)));
}

bool BlockCache::keep_more(std::size_t list) noexcept {
  const std::size_t size = size_of(list);
  if (keep_ == 0 || surplus_ + size > most_surplus) return false;
  surplus_ += size;
  return true;
}

}  // namespace weir
