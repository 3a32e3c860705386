#include "weir/base/chance.hpp"

#include "weir/base/sip_hash.hpp"

namespace weir {

// SplitMix64.
std::uint64_t chance() noexcept {
  thread_local std::uint64_t state = random_sip_key().k0;
  std::uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace weir
