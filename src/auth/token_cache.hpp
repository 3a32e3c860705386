// Tokens that were found good, by the SHA-256 of their text, so that a token that comes again costs
// a hash and a look. Fixed number of places, each set of four with an order of its own, under short
// locks; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "auth/verification_key.hpp"
#include "weir/auth/moment.hpp"
#include "weir/auth/verified_token.hpp"

namespace weir::auth {

class TokenCache {
 public:
  // At most `entries` tokens, each for at most `ttl`. 0: keeps none.
  TokenCache(std::size_t entries, Duration ttl);

  // Null when it is not there, or was found good longer than `ttl` ago, or has passed its `exp`.
  std::shared_ptr<const VerifiedToken> find(const Digest& digest, Moment now) noexcept;
  // At the cost of one that would end sooner.
  void insert(const Digest& digest, std::shared_ptr<const VerifiedToken> token,
              Moment now) noexcept;

  std::size_t capacity() const noexcept { return entries_.size(); }

 private:
  static constexpr std::size_t most_ways = 4;
  static constexpr std::size_t lock_count = 64;

  struct Entry {
    Digest digest{};
    TimePoint ends = TimePoint::min();
    std::shared_ptr<const VerifiedToken> token;
  };
  struct alignas(64) Lock {
    std::mutex mutex;
  };

  std::size_t set_of(const Digest& digest) const noexcept;

  const Duration ttl_;
  const std::size_t ways_;
  const std::size_t sets_;
  std::vector<Entry> entries_;  // set i is ways_ entries, guarded by locks_[i % lock_count]
  std::array<Lock, lock_count> locks_;
};

}  // namespace weir::auth
