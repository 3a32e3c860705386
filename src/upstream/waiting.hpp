// What the waits of Cluster have in common: the caller that may leave meanwhile. Worker thread
// only.
#pragma once

#include "weir/base/result.hpp"
#include "weir/upstream/caller.hpp"

namespace weir::upstream {

inline bool is_cancelled(const Caller& caller) noexcept {
  return caller.scope != nullptr && caller.scope->cancelled();
}

// REQUIRES: is_cancelled(caller).
inline Error cancelled_error(const Caller& caller) {
  return {caller.scope->reason(), Side::downstream, "while waiting for an upstream connection"};
}

}  // namespace weir::upstream
