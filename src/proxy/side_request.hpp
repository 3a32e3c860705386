// A request of Weir's own, or a copy of a client's, to a cluster: fetched, and the answer read to
// its end. Worker thread only.
#pragma once

#include <cstddef>
#include <string_view>

#include "weir/base/cancel.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/priority.hpp"
#include "weir/base/result.hpp"
#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/http/body.hpp"
#include "weir/http/transfer_clock.hpp"
#include "weir/middleware/subrequest.hpp"
#include "weir/net/loop.hpp"
#include "weir/proxy/side_target.hpp"

namespace weir::proxy {

class TryObserver;

// For whom it is sent, and until when.
struct SideCall {
  net::Loop& loop;  // the worker's
  unsigned worker;
  IpAddress client;                   // for whose share of the upstream's places; may be not valid
  TransferClock clock;                // its hard_deadline ends all
  CancelScope scope;                  // cancels the request
  std::string_view request_id{};      // of the client's request, in the debug log
  Priority priority = Priority::low;  // where the upstream's breaker sheds
};

// `timeout` is for the answer's head. Content past `most_body` bytes is not read. `observer` hears
// of the tries; null: nobody. All outlive the call.
Task<Result<SubrequestAnswer>> send_aside(const SideTarget& target, Request& request,
                                          SideCall& side, Duration timeout, std::size_t most_body,
                                          TryObserver* observer = nullptr);

}  // namespace weir::proxy
