#include "weir/control/gcra.hpp"

#include <cassert>
#include <numeric>

namespace weir::control {
namespace {

using Wide = unsigned __int128;

}  // namespace

bool Gcra::possible(std::uint64_t tokens, Duration period, std::uint64_t burst) noexcept {
  if (tokens == 0 || burst == 0 || period <= Duration::zero() || period > longest_fill)
    return false;
  const auto ns = static_cast<std::uint64_t>(period.count());
  if (tokens > ns) return false;
  return Wide{burst} * ns <= Wide{static_cast<std::uint64_t>(longest_fill.count())} * tokens;
}

// Few tokens a period: so many units a nanosecond, and all is exact. Otherwise a token gets a whole
// number of units, 3 to 4 a nanosecond, and moments are rounded down by less than one.
Gcra::Gcra(std::uint64_t tokens, Duration period, std::uint64_t burst) noexcept : burst_(burst) {
  assert(possible(tokens, period, burst));
  const auto ns = static_cast<std::uint64_t>(period.count());
  const std::uint64_t divisor = std::gcd(tokens, ns);
  const std::uint64_t tokens_then = tokens / divisor;
  const std::uint64_t ns_then = ns / divisor;
  const bool exact = tokens_then <= most_units_per_ns;
  token_ = exact ? ns_then : 4 * ns_then / tokens_then;
  capacity_ = burst * token_;
  const Wide units = Wide{tokens_then} * token_;  // in ns_then
  units_per_ns_ = static_cast<std::uint64_t>((units << shift) / ns_then);
  whole_units_per_ns_ = exact ? tokens_then : 0;
  ns_per_unit_ = static_cast<std::uint64_t>(((Wide{ns_then} << 63) + units / 2) / units);
}

Gcra::View Gcra::view(Word word, Moment now) const noexcept {
  if (word <= now.units) return {.left = burst_};
  const std::uint64_t debt = word - now.units;
  const std::uint64_t left = debt >= capacity_ ? 0 : (capacity_ - debt) / token_;
  const std::uint64_t debt_then = capacity_ - (left + 1) * token_;
  return {.left = left, .grows = to_time(debt - debt_then), .full = to_time(debt)};
}

// Rounded up where units divide nanoseconds, to the nearest otherwise: what is a whole second must
// not come out as a little more.
Duration Gcra::to_time(std::uint64_t units) const noexcept {
  const std::uint64_t ns =
      whole_units_per_ns_ != 0
          ? (units + whole_units_per_ns_ - 1) / whole_units_per_ns_
          : static_cast<std::uint64_t>((Wide{units} * ns_per_unit_ + (Wide{1} << 62)) >> 63);
  return Duration(static_cast<std::int64_t>(ns));
}

}  // namespace weir::control
