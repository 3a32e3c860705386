// A large block of zeroes from the system: it counts as memory only where it was touched, and goes
// back whole. malloc's blocks may be heap that was used before, which calloc() clears and so
// touches. Any thread.
#pragma once

#include <cstddef>
#include <utility>

namespace weir {

class ZeroedPages {
 public:
  // At least `size` bytes, aligned to a page. Throws bad_alloc. REQUIRES: size != 0.
  explicit ZeroedPages(std::size_t size);
  ZeroedPages(ZeroedPages&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}
  ZeroedPages& operator=(ZeroedPages&&) = delete;
  ~ZeroedPages();

  void* data() const noexcept { return data_; }

 private:
  void* data_;
  std::size_t size_;
};

}  // namespace weir
