// A share of a route's requests is sent once more, to a shadow upstream, as they were forwarded.
// The client's request neither waits for its copy nor fails with it: past a bound on copies and on
// their content there is none. One a route of a snapshot, shared by all workers; what changes is
// kept per worker.
#pragma once

#include <memory>
#include <span>

#include "weir/config/model.hpp"
#include "weir/http/handler.hpp"
#include "weir/proxy/shadows.hpp"
#include "weir/proxy/side_target.hpp"

namespace weir::proxy {

// `last`, the route's forwarder, in a wrapping that copies and counts in `metrics`. `route`, which
// has `mirror`, and `shadows`, one a worker, outlive it.
std::unique_ptr<Handler> make_mirror(const config::Route& route, SideTarget shadow,
                                     std::shared_ptr<telemetry::MirrorMetrics> metrics,
                                     std::span<const std::unique_ptr<Shadows>> shadows,
                                     std::unique_ptr<Handler> last);

}  // namespace weir::proxy
