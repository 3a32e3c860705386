// Which credentials were found right a while ago, by digest, so that a password is hashed once and
// not with each request. Fixed memory; any thread, under short locks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "weir/base/time.hpp"

namespace weir {

class VerdictCache {
 public:
  using Digest = std::array<unsigned char, 32>;

  // SHA-256 over `parts`, each with its length, so that no two lists share a digest.
  static Digest digest(std::span<const std::string_view> parts);

  explicit VerdictCache(Duration ttl);

  bool contains(const Digest& digest, TimePoint now) noexcept;
  // Remembers `digest` until `now` + ttl, at the cost of one that would end sooner.
  void insert(const Digest& digest, TimePoint now) noexcept;

 private:
  static constexpr std::size_t ways = 4;
  static constexpr std::size_t sets = 1024;
  static constexpr std::size_t locks = 16;

  struct Entry {
    Digest digest{};
    TimePoint ends = TimePoint::min();
  };
  using Set = std::array<Entry, ways>;

  static std::size_t set_of(const Digest& digest) noexcept;

  const Duration ttl_;
  std::vector<Set> entries_;  // set i is guarded by mutexes_[i % locks]
  std::array<std::mutex, locks> mutexes_;
};

}  // namespace weir
