// SipHash (Aumasson and Bernstein, 2012): a hash of short texts under a secret key, so that who
// chooses the texts cannot choose where they fall. Pure but for random_sip_key(); any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

struct SipKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

// A key nobody knows. Throws std::system_error if the system has no randomness.
SipKey random_sip_key();

// SipHash-1-3, made for tables: the quick one.
std::uint64_t sip_hash(const SipKey& key, std::string_view bytes) noexcept;
// SipHash-2-4, the one of the paper.
std::uint64_t sip_hash_2_4(const SipKey& key, std::string_view bytes) noexcept;

}  // namespace weir
