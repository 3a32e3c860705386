#include "weir/base/arena.hpp"

#include <algorithm>
#include <new>

#include "weir/base/block_cache.hpp"

namespace weir {
namespace {
constexpr std::size_t first_block = 1000;
}

void Arena::grow(std::size_t size) {
  const std::size_t usual = last_ == nullptr ? first_block : last_->size * 2;
  const std::size_t whole = std::max(usual, size + sizeof(Block));
  char* const memory = static_cast<char*>(BlockCache::take(whole));
  last_ = ::new (memory) Block{last_, whole};
  at_ = memory + sizeof(Block);
  end_ = memory + whole;
}

std::size_t Arena::held() const noexcept {
  std::size_t sum = 0;
  for (const Block* block = last_; block != nullptr; block = block->before) sum += block->size;
  return sum;
}

void Arena::free_blocks() noexcept {
  do {
    Block* const before = last_->before;
    BlockCache::give(last_, last_->size);
    last_ = before;
  } while (last_ != nullptr);
}

}  // namespace weir
