// What the diagnostics say of connections to endpoints that did not come about. Any thread.
#pragma once

#include <string_view>

#include "weir/base/result.hpp"
#include "weir/base/time.hpp"
#include "weir/upstream/endpoint.hpp"

namespace weir::upstream {

// A line, not more often than the log allows for each upstream and cause; none where the client was
// the cause.
void log_connect_failure(TimePoint now, std::string_view upstream, const Endpoint& endpoint,
                         const Error& error) noexcept;

}  // namespace weir::upstream
