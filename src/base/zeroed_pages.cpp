#include "weir/base/zeroed_pages.hpp"

#include <sys/mman.h>

#include <new>

namespace weir {

ZeroedPages::ZeroedPages(std::size_t size)
    : data_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
      size_(size) {
  if (data_ == MAP_FAILED) throw std::bad_alloc();
  // A huge page would make 2 MiB resident for the first word. A kernel without them refuses this.
  ::madvise(data_, size_, MADV_NOHUGEPAGE);
}

ZeroedPages::~ZeroedPages() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace weir
