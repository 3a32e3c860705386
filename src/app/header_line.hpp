// A field as people write it on a command line. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::app {

// "name: value" taken apart, blanks around the value removed. Nothing if the name is no token or
// the value has a control character other than the tab.
std::optional<std::pair<std::string, std::string>> parse_header_line(std::string_view line);

}  // namespace weir::app
