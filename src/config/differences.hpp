// In which keys two printed configurations differ. Pure.
#pragma once

#include <functional>
#include <string>

#include "config/tree.hpp"
#include "weir/config/model.hpp"

namespace weir::config {

// Calls `tell` with the path of each key in which they differ, as far down as they are alike, and
// with both values; nothing where one has none.
void for_each_difference(
    const Tree& one, const Tree& other, const std::string& path,
    const std::function<void(const std::string& path, const Tree&, const Tree&)>& tell);

// The whole configuration as it is printed.
Tree tree_of(const Config& config);

}  // namespace weir::config
