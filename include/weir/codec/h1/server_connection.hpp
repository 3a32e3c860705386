// The server's side of an HTTP/1 connection (RFC 9112): requests in order, answers in the same
// order, keep-alive, interim answers, tunnels after a 101, the lingering close. One an accepted
// socket, owned by its worker; that worker's thread only.
#pragma once

#include <memory>

#include "weir/base/task.hpp"
#include "weir/config/model.hpp"
#include "weir/http/exchange.hpp"
#include "weir/http/handler.hpp"
#include "weir/net/stream.hpp"

namespace weir::codec::h1 {

class ServerConnection {
 public:
  virtual ~ServerConnection() = default;

  // Serves until the connection is closed. The stream is closed when it returns.
  virtual Task<> run() = 0;
  // Answers say Connection: close from now on; an idle connection ends after a moment without a
  // request, so that one already on its way is still served.
  virtual void drain() noexcept = 0;
  // Back to keeping alive.
  virtual void undrain() noexcept = 0;
  // Ends it at once, cutting what is in flight.
  virtual void abort() noexcept = 0;
  // A request is being served: its head has begun to come and its answer is not complete.
  virtual bool in_flight() const noexcept = 0;
};

// `connection`, `limits` and `handler` outlive it.
std::unique_ptr<ServerConnection> make_server_connection(std::unique_ptr<net::Stream> stream,
                                                         const ConnectionInfo& connection,
                                                         const config::Limits& limits,
                                                         ServerHandler& handler);

}  // namespace weir::codec::h1
