#include "weir/base/block_cache.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace weir {
namespace {

TEST(BlockCache, BlocksOfAnySizeAreApartAndUsable) {
  std::vector<std::pair<unsigned char*, std::size_t>> blocks;
  for (std::size_t size = 1; size <= BlockCache::largest + 200; size += 7) {
    auto* const block = static_cast<unsigned char*>(BlockCache::take(size));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignof(std::max_align_t), 0u);
    std::memset(block, static_cast<int>(size % 251), size);
    blocks.emplace_back(block, size);
  }
  for (const auto& [block, size] : blocks) {
    for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(block[i], size % 251);
    BlockCache::give(block, size);
  }
}

TEST(BlockCache, OnlySoManyAreKeptAndTheOthersAreFreed) {
  std::vector<void*> blocks;
  for (unsigned i = 0; i < 3 * BlockCache::most_kept; ++i) blocks.push_back(BlockCache::take(300));
  for (void* const block : blocks) BlockCache::give(block, 300);
  std::set<void*> again;
  for (unsigned i = 0; i < 3 * BlockCache::most_kept; ++i) again.insert(BlockCache::take(300));
  EXPECT_EQ(again.size(), std::size_t{3} * BlockCache::most_kept);
  for (void* const block : again) BlockCache::give(block, 300);
}

TEST(BlockCache, ABlockMayBeGivenBackOnAnotherThread) {
  void* const block = BlockCache::take(100);
  std::jthread([block] { BlockCache::give(block, 100); });
  std::jthread([] {
    void* const first = BlockCache::take(100);
    void* const second = BlockCache::take(100);
    EXPECT_NE(first, second);
    BlockCache::give(first, 100);
    BlockCache::give(second, 100);
  });
}

}  // namespace
}  // namespace weir
