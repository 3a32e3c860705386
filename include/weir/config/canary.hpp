// Who goes to which upstream of a route's split, besides its weights. Built by the loader, then
// const.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "weir/config/key.hpp"

namespace weir::config {

// The same caller stays with the same upstream.
struct Sticky {
  Key key;
};

// A field of the request that names the upstream, whatever the weights.
struct SplitByHeader {
  std::string header;
  std::vector<std::pair<std::string, std::string>> values;  // to a name in the split
};

}  // namespace weir::config
