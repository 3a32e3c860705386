#include "weir/control/key_table.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace weir::control {
namespace {

// Counts to `most`; a word may be given away when it has been emptied. The high half tells owners
// apart.
struct Counting {
  std::uint64_t most = 3;

  static std::uint64_t count(std::uint64_t word) { return (word & 0xffff'ffff) - 1; }
  bool idle(std::uint64_t word) const { return count(word) == 0; }
  bool joins(std::uint64_t shared) const { return !idle(shared); }
  std::uint64_t begin(std::uint64_t old, std::uint64_t) const {
    return ((old >> 32) + 1) << 32 | 1;
  }
  bool take(std::uint64_t& word) const {
    if (count(word) >= most) return false;
    ++word;
    return true;
  }
};

std::uint64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t whole = 0;
  std::uint64_t resident = 0;
  in >> whole >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void empty(const KeyTable::Taken& taken) {
  KeyTable::word_at(taken.place).fetch_sub(Counting::count(taken.word));
}

std::uint64_t some_hash(std::uint64_t n) { return n * 0x9e37'79b9'7f4a'7c15; }

TEST(KeyTable, KeepsAWordForEachCaller) {
  KeyTable table(1000);
  for (std::uint64_t round = 1; round <= 4; ++round) {
    for (std::uint64_t n = 0; n < 1000; ++n) {
      const KeyTable::Taken taken = table.take(some_hash(n), Counting{});
      ASSERT_EQ(taken.taken, round <= 3);
      ASSERT_EQ(Counting::count(taken.word), std::min<std::uint64_t>(round, 3));
      ASSERT_EQ(table.peek(some_hash(n)), taken.word);
    }
  }
  EXPECT_EQ(table.peek(some_hash(1000)), 0u);
}

TEST(KeyTable, HoldsAllHashes) {
  KeyTable table(10);
  for (const std::uint64_t caller : {std::uint64_t{0}, std::uint64_t{2}, ~std::uint64_t{0}}) {
    EXPECT_TRUE(table.take(caller, Counting{1}).taken);
    EXPECT_FALSE(table.take(caller, Counting{1}).taken);
  }
}

TEST(KeyTable, HasRoomForAMillion) {
  constexpr std::uint64_t million = 1'000'000;
  KeyTable table(million);
  for (std::uint64_t n = 0; n < million; ++n) {
    ASSERT_TRUE(table.take(some_hash(n), Counting{1}).taken) << n;
  }
  for (std::uint64_t n = 0; n < million; ++n) {
    const std::uint64_t word = table.peek(some_hash(n));
    ASSERT_NE(word, 0u) << n;
    ASSERT_EQ(Counting::count(word), 1u);
  }
}

TEST(KeyTable, WhenFullForgetsNobodyAndLimitsTheRestTogether) {
  for (const std::uint64_t max_keys : {1u, 2u, 10u, 100u}) {
    SCOPED_TRACE(max_keys);
    KeyTable table(max_keys);
    std::uint64_t passed = 0;
    std::vector<std::uint64_t> owners;
    for (std::uint64_t n = 0; n < 10'000; ++n) {
      if (table.take(some_hash(n), Counting{1}).taken) ++passed;
      if (table.peek(some_hash(n)) != 0) owners.push_back(n);
    }
    EXPECT_GE(owners.size(), max_keys);
    EXPECT_LE(owners.size(), 2 * max_keys + 4);
    // 64 words are shared by those that found no room.
    EXPECT_LE(passed, owners.size() + 64);
    for (const std::uint64_t n : owners) {
      EXPECT_FALSE(table.take(some_hash(n), Counting{1}).taken) << n;
    }
  }
}

TEST(KeyTable, GivesIdleWordsToNewCallers) {
  KeyTable table(10);
  std::set<KeyTable::Word*> places;
  for (std::uint64_t n = 0; n < 10'000; ++n) {
    const KeyTable::Taken taken = table.take(some_hash(n), Counting{1});
    ASSERT_TRUE(taken.taken);
    places.insert(taken.place);
    empty(taken);
  }
  EXPECT_LE(places.size(), 24u);
  EXPECT_EQ(table.peek(some_hash(0)), 0u);
}

// Two threads and few keys: each key passes exactly as often as it may.
TEST(KeyTable, IsExactUnderContention) {
  constexpr std::uint64_t keys = 50;
  constexpr std::uint64_t most = 1000;
  KeyTable table(keys);
  std::array<std::vector<std::uint64_t>, 2> passed;
  const auto work = [&](std::size_t who) {
    passed[who].resize(keys);
    std::mt19937_64 random(who);
    for (std::uint64_t n = 0; n < 3 * keys * most; ++n) {
      const std::uint64_t key = random() % keys;
      if (table.take(some_hash(key), Counting{most}).taken) ++passed[who][key];
    }
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  for (std::uint64_t key = 0; key < keys; ++key) {
    EXPECT_EQ(passed[0][key] + passed[1][key], most);
  }
}

// The same with far more callers than room, who come and go: words change hands all the time, and
// nobody is ever let in twice.
TEST(KeyTable, IsExactWhileWordsChangeHands) {
  constexpr std::uint64_t keys = 200;
  KeyTable table(20);
  std::array<std::atomic<int>, keys> inside{};
  std::atomic<int> too_many{0};
  const auto work = [&](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (int n = 0; n < 100'000; ++n) {
      const std::uint64_t key = random() % keys;
      const KeyTable::Taken taken = table.take(some_hash(key), Counting{1});
      if (!taken.taken) continue;
      if (inside[key].fetch_add(1) != 0) too_many.fetch_add(1);
      inside[key].fetch_sub(1);
      KeyTable::word_at(taken.place).fetch_sub(1);
    }
  };
  std::thread other(work, 1);
  work(2);
  other.join();
  EXPECT_EQ(too_many.load(), 0);
}

// As reloads do: the next tables are made before those in force go. 960 MB of addresses a round.
TEST(KeyTable, ATableThatNobodyUsesTakesNoMemoryHoweverOftenItIsMade) {
  constexpr int tables = 30;
  const std::uint64_t before = resident_bytes();
  std::vector<std::unique_ptr<KeyTable>> now;
  for (int reload = 0; reload < 6; ++reload) {
    std::vector<std::unique_ptr<KeyTable>> next;
    for (int i = 0; i < tables; ++i) next.push_back(std::make_unique<KeyTable>(1'000'000));
    now = std::move(next);
  }
  EXPECT_LT(resident_bytes(), before + 16 * 1024 * 1024);
  EXPECT_TRUE(now.front()->take(some_hash(1), Counting{}).taken);
}

TEST(KeyTable, WhatCallersTookGoesBackWithTheTable) {
  const std::uint64_t before = resident_bytes();
  {
    KeyTable table(1'000'000);
    for (std::uint64_t n = 0; n < 1'000'000; ++n) table.take(some_hash(n), Counting{});
    EXPECT_GT(resident_bytes(), before + 24 * 1024 * 1024);
  }
  EXPECT_LT(resident_bytes(), before + 8 * 1024 * 1024);
}

}  // namespace
}  // namespace weir::control
