#include "codec/h2/session_memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace weir::codec::h2 {
namespace {

class SessionMemory : public testing::TestWithParam<std::size_t> {
 protected:
  nghttp2_mem& memory = *session_memory();
};

TEST_P(SessionMemory, GivesBlocksThatAreWhole) {
  std::vector<void*> blocks;
  for (int i = 0; i < 40; ++i) {
    void* const block = memory.malloc(GetParam(), memory.mem_user_data);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignof(std::max_align_t), 0u);
    std::memset(block, i, GetParam());
    blocks.push_back(block);
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto* const bytes = static_cast<const unsigned char*>(blocks[i]);
    EXPECT_TRUE(std::all_of(bytes, bytes + GetParam(), [i](unsigned char b) { return b == i; }));
    memory.free(blocks[i], memory.mem_user_data);
  }
}

TEST_P(SessionMemory, GivesZerosAlsoInAUsedBlock) {
  void* const used = memory.malloc(GetParam(), memory.mem_user_data);
  std::memset(used, 0x5a, GetParam());
  memory.free(used, memory.mem_user_data);
  void* const block = memory.calloc(1, GetParam(), memory.mem_user_data);
  const auto* const bytes = static_cast<const unsigned char*>(block);
  EXPECT_TRUE(std::all_of(bytes, bytes + GetParam(), [](unsigned char b) { return b == 0; }));
  memory.free(block, memory.mem_user_data);
}

TEST_P(SessionMemory, KeepsWhatIsInABlockThatGrowsOrShrinks) {
  for (const std::size_t size : {std::size_t{8}, std::size_t{5000}, std::size_t{18000}}) {
    void* block = memory.malloc(GetParam(), memory.mem_user_data);
    std::memset(block, 0x5a, GetParam());
    block = memory.realloc(block, size, memory.mem_user_data);
    ASSERT_NE(block, nullptr);
    const auto* const bytes = static_cast<const unsigned char*>(block);
    EXPECT_TRUE(std::all_of(bytes, bytes + std::min(size, GetParam()),
                            [](unsigned char b) { return b == 0x5a; }));
    memory.free(block, memory.mem_user_data);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, SessionMemory,
                         testing::Values(1, 24, 4080, 4081, 4096, 16368, 16369, 16394, 20464, 20465,
                                         100'000));

TEST(SessionMemoryLimits, RefusesWhatNoBlockCanHold) {
  nghttp2_mem& memory = *session_memory();
  const std::size_t most = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(memory.malloc(most - 3, memory.mem_user_data), nullptr);
  EXPECT_EQ(memory.calloc(most / 2, 3, memory.mem_user_data), nullptr);
  memory.free(nullptr, memory.mem_user_data);
}

}  // namespace
}  // namespace weir::codec::h2
