#include "weir/base/buffer.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

namespace weir {
namespace {

TEST(BufferPool, BlocksComeInAFewSizes) {
  struct Row {
    const char* name;
    std::size_t wanted;
    std::size_t given;
  };
  const Row rows[] = {
      {"the usual one", BufferPool::small_size, 16384},
      {"a byte", 1, 16384},
      {"a byte more than small", 16385, 65536},
      {"the middle one", 65536, 65536},
      {"a byte more than the middle one", 65537, 131072},
      {"the large one", BufferPool::large_size, 131072},
      {"a large one with its frames", BufferPool::framed_size, 147456},
      {"beyond all: exactly that", 147457, 147457},
  };
  BufferPool pool;
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Buffer block = pool.borrow(row.wanted);
    ASSERT_TRUE(block);
    EXPECT_EQ(block.size(), row.given);
    std::memset(block.data(), 0x5a, block.size());
  }
}

TEST(BufferPool, ABlockGivenBackIsTheNextOneBorrowed) {
  BufferPool pool;
  Buffer first = pool.borrow();
  const std::byte* at = first.data();
  first.release();
  EXPECT_FALSE(first);
  EXPECT_EQ(first.size(), 0u);
  first.release();
  EXPECT_EQ(pool.borrow().data(), at);
  EXPECT_EQ(pool.borrow().data(), at);
}

TEST(BufferPool, TwoAtATimeAreTwo) {
  BufferPool pool;
  const Buffer first = pool.borrow();
  const Buffer second = pool.borrow();
  EXPECT_NE(first.data(), second.data());
}

TEST(BufferPool, TakesBackMoreThanItKeeps) {
  BufferPool pool;
  for (const std::size_t size : {std::size_t{1}, BufferPool::large_size, std::size_t{200'000}}) {
    std::vector<Buffer> blocks;
    for (int i = 0; i < 100; ++i) blocks.push_back(pool.borrow(size));
  }
  EXPECT_TRUE(pool.borrow());
}

TEST(Buffer, MovesWithItsBlock) {
  BufferPool pool;
  Buffer small = pool.borrow();
  Buffer large = pool.borrow(BufferPool::large_size);
  const std::byte* at = large.data();
  const std::byte* freed = small.data();
  small = std::move(large);
  EXPECT_EQ(small.data(), at);
  EXPECT_EQ(small.size(), BufferPool::large_size);
  EXPECT_EQ(pool.borrow().data(), freed);
  Buffer& itself = small;
  small = std::move(itself);
  EXPECT_EQ(small.data(), at);
  const Buffer last(std::move(small));
  EXPECT_EQ(last.data(), at);
}

}  // namespace
}  // namespace weir
