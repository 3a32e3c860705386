// The server's side of an HTTP/2 connection (RFC 9113), from the client's preface on: a task a
// stream, flow control that follows the readers, GOAWAY in two steps, floods answered with
// ENHANCE_YOUR_CALM. One an accepted socket, owned by its worker; that worker's thread only.
#pragma once

#include <memory>

#include "weir/codec/server_connection.hpp"
#include "weir/config/model.hpp"
#include "weir/http/exchange.hpp"
#include "weir/http/handler.hpp"
#include "weir/net/stream.hpp"

namespace weir::codec::h2 {

// `connection`, `limits` and `handler` outlive it.
std::unique_ptr<ServerConnection> make_server_connection(std::unique_ptr<net::Stream> stream,
                                                         const ConnectionInfo& connection,
                                                         const config::Limits& limits,
                                                         ServerHandler& handler);

}  // namespace weir::codec::h2
