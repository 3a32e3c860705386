// How often this thread has called operator new: for tests that something does not allocate, or
// that it stands a lack of memory.
#pragma once

#include <cstddef>

namespace weir {

// False under sanitizers, which have an operator new of their own; then the count stays 0.
bool counts_allocations() noexcept;
std::size_t allocation_count() noexcept;
// The `n`th call of operator new of this thread from now on throws bad_alloc, and so do those
// behind it, `count` in all; 0 takes it back. Only where allocations are counted.
void fail_allocation(std::size_t n, std::size_t count = 1) noexcept;
// How many have failed so, of all threads.
std::size_t failed_allocations() noexcept;

// While it lives no allocation of this thread fails, nor is one counted towards that which is to:
// for what a test does itself in between.
class Unfailing {
 public:
  Unfailing() noexcept;
  ~Unfailing();
  Unfailing(const Unfailing&) = delete;
  Unfailing& operator=(const Unfailing&) = delete;

 private:
  const std::size_t left_;
};

}  // namespace weir
