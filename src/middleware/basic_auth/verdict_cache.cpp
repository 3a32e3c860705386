#include "middleware/basic_auth/verdict_cache.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <string>

namespace weir {

VerdictCache::Digest VerdictCache::digest(std::span<const std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) {
    const std::uint64_t size = part.size();
    text.append(reinterpret_cast<const char*>(&size), sizeof size);
    text += part;
  }
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

VerdictCache::VerdictCache(Duration ttl) : ttl_(ttl), entries_(sets) {}

bool VerdictCache::contains(const Digest& digest, TimePoint now) noexcept {
  const std::size_t at = set_of(digest);
  const std::lock_guard lock(mutexes_[at % locks]);
  return std::ranges::any_of(
      entries_[at], [&](const Entry& entry) { return now < entry.ends && entry.digest == digest; });
}

void VerdictCache::insert(const Digest& digest, TimePoint now) noexcept {
  const std::size_t at = set_of(digest);
  const std::lock_guard lock(mutexes_[at % locks]);
  Set& set = entries_[at];
  auto place = std::ranges::find(set, digest, &Entry::digest);
  if (place == set.end()) place = std::ranges::min_element(set, {}, &Entry::ends);
  *place = {digest, now + ttl_};
}

std::size_t VerdictCache::set_of(const Digest& digest) noexcept {
  return (digest[0] | static_cast<std::size_t>(digest[1]) << 8) % sets;
}

}  // namespace weir
