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

class SessionMemoryBlocks : public testing::TestWithParam<std::size_t> {
 protected:
  SessionMemory owner;
  nghttp2_mem& memory = *owner.native();
};

TEST_P(SessionMemoryBlocks, GivesBlocksThatAreWhole) {
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

TEST_P(SessionMemoryBlocks, GivesZerosAlsoInAUsedBlock) {
  void* const used = memory.malloc(GetParam(), memory.mem_user_data);
  std::memset(used, 0x5a, GetParam());
  memory.free(used, memory.mem_user_data);
  void* const block = memory.calloc(1, GetParam(), memory.mem_user_data);
  const auto* const bytes = static_cast<const unsigned char*>(block);
  EXPECT_TRUE(std::all_of(bytes, bytes + GetParam(), [](unsigned char b) { return b == 0; }));
  memory.free(block, memory.mem_user_data);
}

TEST_P(SessionMemoryBlocks, KeepsWhatIsInABlockThatGrowsOrShrinks) {
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

INSTANTIATE_TEST_SUITE_P(Sizes, SessionMemoryBlocks,
                         testing::Values(1, 24, 3072, 3073, 4080, 4081, 4096, 16384, 16385, 20480,
                                         20481, 100'000));

TEST(SessionMemoryLimits, RefusesWhatNoBlockCanHold) {
  SessionMemory owner;
  nghttp2_mem& memory = *owner.native();
  const std::size_t most = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(memory.malloc(most - 3, memory.mem_user_data), nullptr);
  EXPECT_EQ(memory.calloc(most / 2, 3, memory.mem_user_data), nullptr);
  memory.free(nullptr, memory.mem_user_data);
}

struct Pages : testing::Test {
  SessionMemory owner;
  nghttp2_mem& memory = *owner.native();
  void* const table = memory.calloc(256, 16, memory.mem_user_data);
  void* const frame = memory.malloc(16'400, memory.mem_user_data);
  ~Pages() override {
    memory.free(frame, memory.mem_user_data);
    memory.free(table, memory.mem_user_data);
  }
  static bool zeros(const void* block, std::size_t size) {
    const auto* const bytes = static_cast<const unsigned char*>(block);
    return std::all_of(bytes, bytes + size, [](unsigned char b) { return b == 0; });
  }
};

TEST_F(Pages, AreGivenBackAtRest) {
  std::memset(frame, 0x5a, 16'400);
  owner.rest();
  EXPECT_TRUE(zeros(frame, 16'400));
  EXPECT_TRUE(zeros(table, 4096));
  std::memset(frame, 0x5a, 16'400);
  std::memset(table, 0x5a, 4096);
}

TEST_F(Pages, OfATableThatHoldsSomethingStay) {
  static_cast<unsigned char*>(table)[4095] = 1;
  owner.rest();
  EXPECT_EQ(static_cast<unsigned char*>(table)[4095], 1);
}

}  // namespace
}  // namespace weir::codec::h2
