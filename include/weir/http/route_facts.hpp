// What a chain and its handler may know of the route that matched. Owned by the snapshot, const;
// any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "weir/base/priority.hpp"

namespace weir {

struct RouteFacts {
  std::span<const std::string> path_params;  // names, in the order of the route's path
  std::span<const std::string> methods;      // that it is for; empty: all
  std::string_view only_upstream;            // "": it goes to one of several, or to none
  Priority priority = Priority::normal;
};

}  // namespace weir
