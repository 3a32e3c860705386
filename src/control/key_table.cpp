#include "weir/control/key_table.hpp"

#include <algorithm>

namespace weir::control {

KeyTable::KeyTable(std::uint64_t max_keys)
    : line_count_((2 * static_cast<std::size_t>(max_keys) + slots_per_line - 1) / slots_per_line),
      probed_(std::min(line_count_, most_lines_probed)),
      memory_(line_count_ * sizeof(Line)),
      lines_(static_cast<Line*>(memory_.data())) {}

}  // namespace weir::control
