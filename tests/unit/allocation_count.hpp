// How often this thread has called operator new: for tests that something does not allocate.
#pragma once

#include <cstddef>

namespace weir {

// False under sanitizers, which have an operator new of their own; then the count stays 0.
bool counts_allocations() noexcept;
std::size_t allocation_count() noexcept;

}  // namespace weir
