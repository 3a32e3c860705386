#include "auth/token_cache.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

namespace weir::auth {

TokenCache::TokenCache(std::size_t entries, Duration ttl)
    : ttl_(ttl),
      ways_(std::clamp<std::size_t>(entries, 1, most_ways)),
      sets_(entries / ways_),
      entries_(sets_ * ways_) {}

std::shared_ptr<const VerifiedToken> TokenCache::find(const Digest& digest, Moment now) noexcept {
  if (sets_ == 0) return nullptr;
  const std::size_t set = set_of(digest);
  const std::lock_guard lock(locks_[set % lock_count].mutex);
  for (const Entry& entry : std::span(entries_).subspan(set * ways_, ways_)) {
    if (entry.digest != digest || entry.token == nullptr) continue;
    if (now.steady >= entry.ends || now.wall >= entry.token->expires) return nullptr;
    return entry.token;
  }
  return nullptr;
}

void TokenCache::insert(const Digest& digest, std::shared_ptr<const VerifiedToken> token,
                        Moment now) noexcept {
  if (sets_ == 0) return;
  const std::size_t set = set_of(digest);
  const std::lock_guard lock(locks_[set % lock_count].mutex);
  const auto ways = std::span(entries_).subspan(set * ways_, ways_);
  auto place = std::ranges::find(ways, digest, &Entry::digest);
  if (place == ways.end()) place = std::ranges::min_element(ways, {}, &Entry::ends);
  place->digest = digest;
  place->ends = now.steady + ttl_;
  place->token.swap(token);  // the one before is let go of after the lock
}

std::size_t TokenCache::set_of(const Digest& digest) const noexcept {
  std::uint64_t number = 0;
  std::memcpy(&number, digest.data(), sizeof number);
  return number % sets_;
}

}  // namespace weir::auth
