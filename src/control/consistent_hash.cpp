#include "weir/control/consistent_hash.hpp"

#include <cassert>

#include "weir/base/sip_hash.hpp"

namespace weir::control {
namespace {

// Not secret: every gateway must agree, today and after an upgrade.
constexpr SipKey scoring_key{0x7765'6972'2065'6e64, 0x706f'696e'7420'6964};

// Each bit of the input changes half of the output's.
constexpr std::uint64_t avalanche(std::uint64_t z) noexcept {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

std::uint64_t ConsistentHash::id_of(std::string_view address) noexcept {
  return sip_hash_2_4(scoring_key, address);
}

void ConsistentHash::reset(std::span<const std::uint32_t> weights,
                           std::span<const std::uint64_t> ids) {
  assert(weights.size() == ids.size());
  weights_.assign(weights.begin(), weights.end());
  ids_.assign(ids.begin(), ids.end());
  std::uint32_t first = 0;
  equal_ = true;
  for (const std::uint32_t weight : weights_) {
    if (weight == 0) continue;
    if (first == 0) first = weight;
    equal_ &= weight == first;
  }
}

// With u even between 0 and 1, -ln(u) / weight is the lowest with a probability of its weight over
// the sum of all weights, and stays as it is when others change. For equal weights -u does, too.
double ConsistentHash::score(std::uint64_t key, std::size_t i) const noexcept {
  const double u =
      (static_cast<double>(avalanche(key ^ ids_[i]) >> 11) + 0.5) * (1.0 / 9007199254740992.0);
  return equal_ ? -u : -std::log(u) / weights_[i];
}

}  // namespace weir::control
