// A wait for nothing but a time. Worker thread only.
#pragma once

#include "weir/base/cancel.hpp"
#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/waiter.hpp"

namespace weir::net {

// Returns at `end`: true, or when `scope` (null: none) is cancelled, or was before: false.
inline Task<bool> sleep_until(Loop& loop, Deadline end, CancelScope* scope) {
  Waiter waiter(loop);
  const OnCancel stop(scope, [&](Reason) noexcept { waiter.cancel(); });
  co_await waiter.wait(end);
  co_return !waiter.cancelled();
}

}  // namespace weir::net
