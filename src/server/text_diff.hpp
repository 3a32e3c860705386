// The lines in which two texts differ, "-" for those of the first and "+" for those of the second;
// "" when they are equal. Main thread; for texts of some thousand lines.
#pragma once

#include <string>
#include <string_view>

namespace weir::server {

std::string line_diff(std::string_view from, std::string_view to);

}  // namespace weir::server
