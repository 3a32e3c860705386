#include "server/history.hpp"

#include <gtest/gtest.h>

namespace weir::server {
namespace {

std::shared_ptr<const config::Origin> origin(std::size_t bytes) {
  const auto out = std::make_shared<config::Origin>();
  out->bytes = bytes;
  return out;
}

History::Entry entry(std::uint64_t generation, std::shared_ptr<const config::Origin> of) {
  return {.generation = generation,
          .at = {},
          .source = "SIGHUP",
          .rolled_back_to = {},
          .changes = {},
          .origin = std::move(of)};
}

TEST(History, KeepsTheLastTwenty) {
  History history;
  for (std::uint64_t i = 1; i <= 25; ++i) history.add(entry(i, origin(10)));
  EXPECT_EQ(history.entries().size(), 20u);
  EXPECT_EQ(history.entries().front().generation, 6u);
  EXPECT_EQ(history.entries().back().generation, 25u);
  EXPECT_FALSE(history.origin_of(5));
  EXPECT_TRUE(history.origin_of(6));
  EXPECT_FALSE(history.origin_of(26));
}

TEST(History, TheOldestLoseTheirTextsWhenTheyAreTooMuch) {
  History history;
  for (std::uint64_t i = 1; i <= 5; ++i) history.add(entry(i, origin(History::most_bytes / 4)));
  EXPECT_FALSE(history.origin_of(1));
  for (std::uint64_t i = 2; i <= 5; ++i) EXPECT_TRUE(history.origin_of(i)) << i;
  // What runs keeps its text however large it is.
  history.add(entry(6, origin(History::most_bytes + 1)));
  EXPECT_TRUE(history.origin_of(6));
  EXPECT_FALSE(history.origin_of(5));
}

TEST(History, ARollbackSharesItsTexts) {
  History history;
  const auto shared = origin(History::most_bytes);
  history.add(entry(1, shared));
  history.add(entry(2, shared));
  EXPECT_TRUE(history.origin_of(1));
  EXPECT_EQ(*history.origin_of(1), *history.origin_of(2));
}

TEST(History, WhatHasNoTextsCannotBeHadAgain) {
  History history;
  history.add(entry(1, nullptr));
  ASSERT_FALSE(history.origin_of(1));
  EXPECT_NE(history.origin_of(1).error(), history.origin_of(2).error());
}

TEST(History, ChangesComeLater) {
  History history;
  history.add(entry(1, origin(1)));
  config::ConfigChanges changes;
  changes.routes.added = {"a"};
  history.compared(1, changes);
  history.compared(7, changes);  // has left
  ASSERT_TRUE(history.entries().front().changes);
  EXPECT_EQ(history.entries().front().changes->routes.added.size(), 1u);
}

}  // namespace
}  // namespace weir::server
