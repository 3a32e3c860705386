#include "telemetry/byte_ring.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace weir::telemetry {
namespace {

bool put(ByteRing& ring, std::string_view text) {
  char* const at = ring.reserve();
  if (at == nullptr) return false;
  std::memcpy(at, text.data(), text.size());
  ring.commit(text.size());
  return true;
}

std::string take(ByteRing& ring) {
  std::string all;
  for (std::string_view part = ring.readable(); !part.empty(); part = ring.readable()) {
    all += part;
    ring.release(part.size());
  }
  return all;
}

TEST(ByteRing, KeepsBytesThatGoOverTheEnd) {
  ByteRing ring(16, 8);
  for (int i = 0; i < 100; ++i) {
    const std::string text(static_cast<std::size_t>(1 + i % 8), static_cast<char>('a' + i % 26));
    ASSERT_TRUE(put(ring, text));
    ASSERT_EQ(take(ring), text);
  }
}

TEST(ByteRing, RefusesWhatMightNotFit) {
  ByteRing ring(16, 8);
  EXPECT_TRUE(put(ring, "12345678"));
  EXPECT_FALSE(ring.half_full());
  EXPECT_TRUE(put(ring, "9"));
  EXPECT_TRUE(ring.half_full());
  EXPECT_FALSE(put(ring, ""));
  EXPECT_EQ(take(ring), "123456789");
  EXPECT_FALSE(ring.half_full());
  EXPECT_TRUE(put(ring, "x"));
}

TEST(ByteRing, HandsEveryByteFromOneThreadToAnother) {
  constexpr std::size_t lines = 50'000;
  ByteRing ring(256, 32);
  std::jthread producer([&ring] {
    for (std::size_t i = 0; i < lines; ++i) {
      const std::string line = std::to_string(i) + "\n";
      while (!put(ring, line)) std::this_thread::yield();
    }
  });
  std::string got;
  std::size_t next = 0;
  while (next < lines) {
    const std::string_view part = ring.readable();
    if (part.empty()) std::this_thread::yield();
    for (const char c : part) {
      if (c != '\n') {
        got += c;
        continue;
      }
      ASSERT_EQ(got, std::to_string(next++));
      got.clear();
    }
    ring.release(part.size());
  }
}

}  // namespace
}  // namespace weir::telemetry
