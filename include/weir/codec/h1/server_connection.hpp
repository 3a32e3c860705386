// The server's side of an HTTP/1 connection (RFC 9112): requests in order, answers in the same
// order, keep-alive, interim answers, tunnels after a 101, the lingering close. One an accepted
// socket, owned by its worker; that worker's thread only.
#pragma once

#include <memory>

#include "weir/codec/server_connection.hpp"
#include "weir/config/model.hpp"
#include "weir/http/exchange.hpp"
#include "weir/http/handler.hpp"
#include "weir/net/stream.hpp"

namespace weir::codec::h1 {

// `connection`, `limits` and `handler` outlive it.
std::unique_ptr<ServerConnection> make_server_connection(std::unique_ptr<net::Stream> stream,
                                                         const ConnectionInfo& connection,
                                                         const config::Limits& limits,
                                                         ServerHandler& handler);

}  // namespace weir::codec::h1
