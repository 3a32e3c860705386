// The admin address: probes, metrics, a look inside, and the few changes that need no file. Served
// on the main thread; bounded in connections, sizes and time.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "weir/net/handed_sockets.hpp"
#include "weir/server/server.hpp"

namespace weir::server {

class Admin {
 public:
  virtual ~Admin() = default;
  // The bound address, "" when it is off.
  virtual std::string address() const = 0;
  // Gives the address up, so that another process may have it; open connections are served on.
  // `handed_over`: it has the socket already, and the file of a unix: one stays.
  virtual void stop(bool handed_over) = 0;
  // The socket with a descriptor of its own; nothing when it is off or not bound yet. The error
  // says why it could not be copied.
  virtual std::expected<std::optional<net::HandedSockets>, std::string> listening() const = 0;
};

// Binds as the snapshot of `server` says, or takes the socket of the process before, which is
// accepted from when `server` is released. The error says why it could not. An address on which
// another process listens is waited for: two seconds, or, if `server` takes over, until it is free
// and without holding anybody up. `server` outlives it.
std::expected<std::unique_ptr<Admin>, std::string> make_admin(asio::io_context& main,
                                                              Server& server);

}  // namespace weir::server
