// The sockets of a listener: passed by a service manager, handed over by the process before, or
// bound now.
#pragma once

#include <string>
#include <vector>

#include "weir/config/model.hpp"
#include "weir/net/acceptor.hpp"
#include "weir/net/passed_sockets.hpp"

namespace weir::server {

// Those that were passed under the listener's name, or else for each of its addresses those that
// were passed for it, those that the process before had bound for it, as many as they are, or those
// that are bound now as `sharing` says, one a worker. What could not be bound goes to `problems`, a
// line each. Main thread.
std::vector<net::ListenSockets> bind_listener(const config::Listener& listener, unsigned workers,
                                              net::PassedSockets& passed, net::Sharing sharing,
                                              std::vector<std::string>& problems);

}  // namespace weir::server
