// upstreams.NAME.concurrency as a plain struct; each initialiser is the default. Built by the
// loader, then const.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::config {

enum class ConcurrencyPolicy : std::uint8_t { off, fixed, gradient, heuristic };

std::string_view name(ConcurrencyPolicy policy) noexcept;  // as in the file

// How many requests one endpoint gets at a time, from the whole process. Off: `pool.in_flight`.
struct Concurrency {
  ConcurrencyPolicy policy = ConcurrencyPolicy::off;
  std::uint64_t limit = 0;   // of fixed, and only there; at least 1
  std::uint64_t min = 10;    // of gradient
  std::uint64_t max = 1000;  // of gradient; not below min
  std::uint64_t base = 0;    // of heuristic, and only there
  std::uint64_t floor = 0;   // of heuristic, and only there; 1 to base

  // The limit follows what is measured.
  bool is_adaptive() const noexcept {
    return policy == ConcurrencyPolicy::gradient || policy == ConcurrencyPolicy::heuristic;
  }
  // The highest that the limit may be. REQUIRES: not off.
  std::uint64_t most() const noexcept {
    if (policy == ConcurrencyPolicy::fixed) return limit;
    return policy == ConcurrencyPolicy::gradient ? max : base;
  }
  friend bool operator==(const Concurrency&, const Concurrency&) = default;
};

}  // namespace weir::config
