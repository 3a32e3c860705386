// Takes the PROXY protocol header off a new connection and puts what it says of the peer in its
// place. Worker thread.
#pragma once

#include <string>

#include "weir/base/task.hpp"
#include "weir/http/exchange.hpp"
#include "weir/net/stream.hpp"

namespace weir::server {

// "", or why no valid header came until the deadline: the connection is to be closed.
Task<std::string> read_proxy_header(net::Stream& stream, Deadline until, ConnectionInfo& info);

}  // namespace weir::server
