// A request of Weir's own, or a copy of a client's, to a cluster: a lease, one try and the answer
// read to its end, once more on a fresh connection where a reused one was dead. Worker thread only.
#pragma once

#include <cstddef>
#include <memory>

#include "weir/base/result.hpp"
#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/middleware/subrequest.hpp"
#include "weir/proxy/side_target.hpp"

namespace weir::proxy {

// `side` is an exchange of this request alone, settled when this returns; `timeout` is for the
// answer's head, `side.clock.hard_deadline` for all. Content past `most_body` bytes is not read.
// `request` and `side` outlive the call.
Task<Result<SubrequestAnswer>> send_aside(const SideTarget& target, Request& request,
                                          Exchange& side, Duration timeout, std::size_t most_body);

}  // namespace weir::proxy
