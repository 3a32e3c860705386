// Whether fields are as a condition asks, by the rule of routes. Any thread.
#pragma once

#include <string>

#include "weir/config/value_match.hpp"
#include "weir/http/header_map.hpp"

namespace weir::route {

// "" if it holds, otherwise why not: "x-version is not '2'", "x-version is absent", ... Compiles an
// expression each time: not for the path of a request.
std::string refusal_of(const config::ValueMatch& condition, const HeaderMap& headers);

}  // namespace weir::route
