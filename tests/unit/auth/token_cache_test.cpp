#include "auth/token_cache.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

namespace weir::auth {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<const VerifiedToken> token(WallTime until = WallTime::max()) {
  return std::make_shared<const VerifiedToken>(VerifiedToken::Texts{}, VerifiedToken::Texts{},
                                               until, std::size_t{0}, std::uint64_t{1});
}

Moment at(Duration steady, std::int64_t wall = 0) {
  return {TimePoint() + 1h + steady, WallTime(std::chrono::seconds(wall))};
}

TEST(TokenCache, KeepsForItsTimeAndNeverPastExp) {
  TokenCache cache(100, 5min);
  const Digest digest = sha256("a");
  EXPECT_EQ(cache.find(digest, at(0s)), nullptr);
  const auto kept = token(WallTime(1000s));
  cache.insert(digest, kept, at(0s));
  EXPECT_EQ(cache.find(digest, at(0s)), kept);
  EXPECT_EQ(cache.find(digest, at(5min - 1ns, 999)), kept);
  EXPECT_EQ(cache.find(digest, at(5min)), nullptr) << "its time is over";
  EXPECT_EQ(cache.find(digest, at(1s, 1000)), nullptr) << "its exp is here";
  EXPECT_EQ(cache.find(sha256("b"), at(0s)), nullptr);
  cache.insert(digest, kept, at(10min));
  EXPECT_EQ(cache.find(digest, at(14min)), kept) << "found good once more";
}

TEST(TokenCache, OfNoEntriesKeepsNothing) {
  TokenCache cache(0, 5min);
  EXPECT_EQ(cache.capacity(), 0u);
  cache.insert(sha256("a"), token(), at(0s));
  EXPECT_EQ(cache.find(sha256("a"), at(0s)), nullptr);
}

TEST(TokenCache, NeverHoldsMoreThanItsEntries) {
  for (const std::size_t entries : {1u, 2u, 3u, 4u, 5u, 10u, 1000u}) {
    TokenCache cache(entries, 5min);
    EXPECT_LE(cache.capacity(), entries);
    EXPECT_GT(cache.capacity() + 4, entries);
    std::vector<std::weak_ptr<const VerifiedToken>> all;
    for (std::size_t i = 0; i < 3 * entries; ++i) {
      const auto kept = token();
      all.push_back(kept);
      cache.insert(sha256(std::to_string(i)), kept, at(std::chrono::seconds(i)));
    }
    const auto alive = std::ranges::count_if(all, [](const auto& each) { return !each.expired(); });
    EXPECT_LE(static_cast<std::size_t>(alive), entries);
    EXPECT_EQ(cache.find(sha256(std::to_string(3 * entries - 1)),
                         at(std::chrono::seconds(3 * entries))) != nullptr,
              true)
        << "the newest is there";
  }
}

// The sanitizers look at it, too.
TEST(TokenCache, AnyThread) {
  TokenCache cache(8, 5min);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, t] {
      for (int i = 0; i < 2000; ++i) {
        const Digest digest = sha256(std::to_string((i * 7 + t) % 32));
        if (cache.find(digest, at(0s)) == nullptr) cache.insert(digest, token(), at(0s));
      }
    });
  }
  for (std::thread& each : threads) each.join();
}

}  // namespace
}  // namespace weir::auth
