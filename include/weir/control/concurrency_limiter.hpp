// The state of one limit of concurrency: how many requests of each caller are in flight. Shared
// like a RateLimiter; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "weir/base/sip_hash.hpp"
#include "weir/control/key_table.hpp"

namespace weir::control {

class ConcurrencyLimiter {
 public:
  // Callers with requests in flight that are counted each by itself; beyond, some count together.
  static constexpr std::uint64_t max_keys = 131072;

  // A place that one request has; nothing if it has none.
  using Place = KeyTable::Word*;

  // REQUIRES: 1 <= limit < 2^32 - 2.
  explicit ConcurrencyLimiter(std::uint32_t limit)
      : limit_(limit), table_(max_keys), seed_(random_sip_key()) {}

  // A place for the caller with these bytes, which is given back with release(); null if `limit`
  // are taken.
  Place enter(std::string_view caller) {
    const KeyTable::Taken taken = table_.take(sip_hash(seed_, caller), Rule{limit_});
    return taken.taken ? taken.place : nullptr;
  }
  static void release(Place place) noexcept {
    KeyTable::word_at(place).fetch_sub(1, std::memory_order_acq_rel);
  }

 private:
  // The low half of a word is the number in flight and one; the high half counts its owners, so
  // that no word comes back when it changes hands.
  struct Rule {
    static constexpr std::uint64_t none_in_flight = 1;
    std::uint64_t limit;

    static std::uint64_t low(std::uint64_t word) noexcept { return word & 0xffff'ffff; }
    bool idle(std::uint64_t word) const noexcept { return low(word) == none_in_flight; }
    bool joins(std::uint64_t shared) const noexcept { return !idle(shared); }
    std::uint64_t begin(std::uint64_t old, std::uint64_t) const noexcept {
      return ((old >> 32) + 1) << 32 | none_in_flight;
    }
    bool take(std::uint64_t& word) const noexcept {
      if (low(word) - none_in_flight >= limit) return false;
      ++word;
      return true;
    }
  };

  const std::uint64_t limit_;
  KeyTable table_;
  const SipKey seed_;
};

}  // namespace weir::control
