// When a connection is to end for its age. Any thread.
#pragma once

#include <cstdint>
#include <random>

#include "weir/base/time.hpp"

namespace weir {

// `age` (zero: none) from `now` on, less up to a tenth, so that connections opened together do not
// end together.
inline Deadline end_of_age(TimePoint now, Duration age) noexcept {
  if (age == Duration::zero()) return no_deadline;
  // Spread, not secret: another seed for each thread will do, and cannot fail.
  thread_local int seed = 0;
  thread_local std::minstd_rand random(
      static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(&seed) / alignof(int) +
                                 static_cast<std::uint64_t>(now.time_since_epoch().count())));
  return now + age - age / 10 * std::uniform_int_distribution<int>(0, 100)(random) / 100;
}

}  // namespace weir
