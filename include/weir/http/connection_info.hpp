// What an exchange has in common with the others of its connection. Written by the worker before
// the first request, then const. Lives as long as the connection.
#pragma once

#include <cstdint>
#include <string_view>

#include "weir/base/event_loop.hpp"
#include "weir/base/ip.hpp"
#include "weir/http/tls_facts.hpp"

namespace weir {

class HeadAccount;

// The settings of a listener, which the server keeps for the connections that began under them.
class ListenerSettings {
 public:
  ListenerSettings() = default;
  ListenerSettings(const ListenerSettings&) = delete;
  ListenerSettings& operator=(const ListenerSettings&) = delete;

 protected:
  ~ListenerSettings() = default;
};

struct ConnectionInfo {
  std::uint64_t id = 0;  // in the debug log; no other of the process has or had it
  unsigned worker = 0;
  unsigned listener = 0;           // the listener's number in the process
  std::string_view listener_name;  // outlives the connection
  SocketAddress peer;              // after the PROXY header
  SocketAddress local;
  bool peer_trusted = false;      // its X-Forwarded-* are believed
  const TlsFacts* tls = nullptr;  // null: plain; outlives the connection
  EventLoop* loop = nullptr;      // the worker's own: net::loop_of()
  HeadAccount* heads = nullptr;   // the worker's own; null: heads have no budget
  // The listener's when the connection was accepted; outlives the connection.
  const ListenerSettings* settings = nullptr;
};

}  // namespace weir
