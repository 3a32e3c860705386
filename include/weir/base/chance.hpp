// Chance for what shall not happen to all at the same time: pauses. Not for secrets. Any thread.
#pragma once

#include <cstdint>

namespace weir {

// Evenly anything; each thread draws from its own, seeded by the kernel.
std::uint64_t chance() noexcept;

}  // namespace weir
