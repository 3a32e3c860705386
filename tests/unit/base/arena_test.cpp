#include "weir/base/arena.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace weir {
namespace {

TEST(Arena, WhatWasCopiedStaysThroughGrowthAndMoves) {
  Arena arena;
  std::vector<std::pair<std::string, std::string_view>> kept;
  for (std::size_t size : {1u, 10u, 500u, 999u, 1000u, 1001u, 5000u, 3u, 100'000u, 7u}) {
    std::string text(size, static_cast<char>('a' + kept.size()));
    const std::string_view copy = arena.copy(text);
    kept.emplace_back(std::move(text), copy);
  }
  Arena moved(std::move(arena));
  Arena assigned;
  assigned.copy("of a message before");
  assigned = std::move(moved);
  for (const auto& [text, copy] : kept) EXPECT_EQ(copy, text);
}

TEST(Arena, TheEmptyTextTakesNothing) {
  Arena arena;
  EXPECT_EQ(arena.copy(""), "");
  EXPECT_EQ(arena.copy(std::string_view()), "");
}

TEST(Arena, ReservedRoomIsOneBlock) {
  Arena arena;
  arena.copy("before");
  arena.reserve(4000);
  const char* at = arena.allocate(1);
  for (int i = 1; i < 4000; ++i) EXPECT_EQ(arena.allocate(1), at + i);
}

TEST(Arena, OneThatWasMovedFromServesAnew) {
  Arena arena;
  const std::string_view first = arena.copy("first");
  const Arena other(std::move(arena));
  const std::string_view second = arena.copy("second");
  EXPECT_EQ(first, "first");
  EXPECT_EQ(second, "second");
}

}  // namespace
}  // namespace weir
