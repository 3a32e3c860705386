#include "weir/control/key_table.hpp"

#include <algorithm>
#include <new>

namespace weir::control {

// calloc, as its large blocks are the system's zeroed pages, which cost nothing until touched.
KeyTable::KeyTable(std::uint64_t max_keys)
    : line_count_((2 * static_cast<std::size_t>(max_keys) + slots_per_line - 1) / slots_per_line),
      probed_(std::min(line_count_, most_lines_probed)),
      memory_(std::calloc(line_count_ + 1, sizeof(Line))) {
  if (memory_ == nullptr) throw std::bad_alloc();
  void* start = memory_.get();
  std::size_t space = (line_count_ + 1) * sizeof(Line);
  lines_ = static_cast<Line*>(std::align(alignof(Line), line_count_ * sizeof(Line), start, space));
}

}  // namespace weir::control
