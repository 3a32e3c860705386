// What is known of a name of an upstream's endpoints. A value.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "weir/base/time.hpp"

namespace weir::upstream {

// A name of an upstream, for GET /upstreams.
struct NameInfo {
  std::string text;      // of the endpoint
  std::string source;    // dns, hosts or loopback; "" as long as nothing was found
  std::string found_as;  // which name of the search list had the answer
  std::string error;     // of the last look-up, "" for none
  std::size_t addresses = 0;
  // Until the answer's time is over, or those of a name that is gone leave; nothing where they hold
  // until something changes. Not negative.
  std::optional<Duration> holds_for;
  std::optional<Duration> asked_in;  // nothing while it is being asked
};

}  // namespace weir::upstream
