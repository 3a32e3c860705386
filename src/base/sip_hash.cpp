#include "weir/base/sip_hash.hpp"

#include <sys/random.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace weir {
namespace {

static_assert(std::endian::native == std::endian::little);

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() noexcept {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
};

// Fewer than eight bytes. One by one: callers have just put them together from parts, and a load
// that spans several stores waits until all before them is done, a miss of the cache included.
std::uint64_t last_word(std::string_view bytes) noexcept {
  const auto at = [bytes](std::size_t i) {
    return std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  };
  std::uint64_t out = 0;
  switch (bytes.size()) {
    case 7:
      out |= at(6);
      [[fallthrough]];
    case 6:
      out |= at(5);
      [[fallthrough]];
    case 5:
      out |= at(4);
      [[fallthrough]];
    case 4:
      out |= at(3);
      [[fallthrough]];
    case 3:
      out |= at(2);
      [[fallthrough]];
    case 2:
      out |= at(1);
      [[fallthrough]];
    case 1:
      out |= at(0);
      break;
    default:
      break;
  }
  return out;
}

template <int Rounds, int LastRounds>
std::uint64_t hash(const SipKey& key, std::string_view bytes) noexcept {
  State state{key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d, key.k0 ^ 0x6c7967656e657261,
              key.k1 ^ 0x7465646279746573};
  const auto mix = [&state](std::uint64_t word) {
    state.v3 ^= word;
    for (int i = 0; i < Rounds; ++i) state.round();
    state.v0 ^= word;
  };
  const std::uint64_t length = bytes.size();
  while (bytes.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), sizeof word);
    mix(word);
    bytes.remove_prefix(sizeof word);
  }
  mix(last_word(bytes) | length << 56);
  state.v2 ^= 0xff;
  for (int i = 0; i < LastRounds; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace

SipKey random_sip_key() {
  SipKey key;
  while (getrandom(&key, sizeof key, 0) != static_cast<ssize_t>(sizeof key)) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "getrandom");
  }
  return key;
}

std::uint64_t sip_hash(const SipKey& key, std::string_view bytes) noexcept {
  return hash<1, 3>(key, bytes);
}

std::uint64_t sip_hash_2_4(const SipKey& key, std::string_view bytes) noexcept {
  return hash<2, 4>(key, bytes);
}

}  // namespace weir
