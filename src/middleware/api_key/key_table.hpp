// API keys and whose they are, found by their digest: how long a look-up takes tells of a digest,
// from which nobody comes nearer to a key. Const after it was made.
#pragma once

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weir/base/text.hpp"
#include "weir/config/model.hpp"

namespace weir {

class KeyTable {
 public:
  explicit KeyTable(const std::vector<config::KnownKey>& keys) {
    for (const config::KnownKey& known : keys) {
      const Digest digest = digest_of(known);
      callers_.emplace(prefix(digest), Caller{digest, known.name});
    }
  }

  // The caller's name, nothing for an unknown key. Lives as long as the table.
  std::optional<std::string_view> find(std::string_view key) const {
    const Digest digest = digest_of(key);
    const auto [first, last] = callers_.equal_range(prefix(digest));
    for (auto at = first; at != last; ++at) {
      if (CRYPTO_memcmp(at->second.digest.data(), digest.data(), digest.size()) == 0) {
        return at->second.name;
      }
    }
    return std::nullopt;
  }

 private:
  using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;
  struct Caller {
    Digest digest;
    std::string name;
  };

  static Digest digest_of(std::string_view key) {
    Digest out;
    SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), out.data());
    return out;
  }

  static Digest digest_of(const config::KnownKey& known) {
    if (!known.key.empty()) return digest_of(std::string_view(known.key));
    Digest out;
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<unsigned char>(hex_value(known.sha256[2 * i]) * 16 +
                                          hex_value(known.sha256[2 * i + 1]));
    }
    return out;
  }

  static std::uint64_t prefix(const Digest& digest) noexcept {
    std::uint64_t out;
    std::memcpy(&out, digest.data(), sizeof out);
    return out;
  }

  std::unordered_multimap<std::uint64_t, Caller> callers_;
};

}  // namespace weir
