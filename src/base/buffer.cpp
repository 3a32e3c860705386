#include "weir/base/buffer.hpp"

#include <new>

namespace weir {

Buffer BufferPool::borrow(std::size_t size) {
  for (Class& one : classes_) {
    if (size > one.size) continue;
    if (one.free.empty()) {
      return Buffer(*this, std::make_unique_for_overwrite<std::byte[]>(one.size), one.size);
    }
    auto data = std::move(one.free.back());
    one.free.pop_back();
    return Buffer(*this, std::move(data), one.size);
  }
  return Buffer(*this, std::make_unique_for_overwrite<std::byte[]>(size), size);
}

Buffer BufferPool::borrow_exactly(std::size_t size) {
  return Buffer(*this, std::make_unique_for_overwrite<std::byte[]>(size), size);
}

void BufferPool::give_back(std::unique_ptr<std::byte[]> data, std::size_t size) noexcept {
  for (Class& one : classes_) {
    if (one.size != size || one.free.size() >= one.keep) continue;
    try {
      if (one.free.capacity() == 0) one.free.reserve(one.keep);
      one.free.push_back(std::move(data));
    } catch (const std::bad_alloc&) {
      // Freed, then: there is no memory for the list of those kept.
    }
    return;
  }
}

}  // namespace weir
