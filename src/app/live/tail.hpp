// `weir tail`: requests of a running gateway as they end. Main thread.
#pragma once

#include <cstdint>

#include "app/live/admin_target.hpp"
#include "app/live/tail_filter.hpp"

namespace weir::app {

struct TailOptions {
  TailFilterText filter;
  std::uint64_t count = 0;  // ends after so many requests; 0: never
  bool json = false;        // the log's own lines
};

// Prints the requests that pass the filter until there were `count` (0), the gateway ends (1) or a
// signal ends the process. 1 also when it could not be asked, 2 for a filter that makes no sense.
int live_tail(const AdminOptions& admin, TailOptions options);

}  // namespace weir::app
