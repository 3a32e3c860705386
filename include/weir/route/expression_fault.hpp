// What is wrong with a regular expression of `match`. Any thread.
#pragma once

#include <string>

namespace weir::route {

// "" if it is an expression (RE2).
std::string expression_fault(const std::string& text);

}  // namespace weir::route
