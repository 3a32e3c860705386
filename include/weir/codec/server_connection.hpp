// The server's side of a client's connection, whatever is spoken on it. One an accepted socket,
// owned by its worker; that worker's thread only.
#pragma once

#include "weir/base/task.hpp"

namespace weir::codec {

class ServerConnection {
 public:
  virtual ~ServerConnection() = default;

  // Serves until the connection is closed. The stream is closed when it returns.
  virtual Task<> run() = 0;
  // The client is told to bring its next requests on another connection; an idle one ends after a
  // moment without a request, so that one already on its way is still served.
  virtual void drain() noexcept = 0;
  // Back to keeping alive, as far as the client has not been told yet.
  virtual void undrain() noexcept = 0;
  // Ends it at once, cutting what is in flight.
  virtual void abort() noexcept = 0;
  // A request is being served: its head has begun to come and its answer is not complete.
  virtual bool in_flight() const noexcept = 0;
};

}  // namespace weir::codec
