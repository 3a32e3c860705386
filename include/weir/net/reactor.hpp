// The seam to the kernel: which sockets became ready, and what carries the bytes of connections.
// One implementation today (edge-triggered epoll and sockets); io_uring is meant to be a second.
// One a worker, its thread only.
#pragma once

#include <cstdint>
#include <memory>

#include "weir/base/descriptor.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/result.hpp"
#include "weir/base/time.hpp"
#include "weir/net/transport.hpp"

namespace weir::net {

// Readiness of a descriptor, as bits.
struct Ready {
  static constexpr std::uint8_t read = 1;
  static constexpr std::uint8_t write = 2;
  static constexpr std::uint8_t peer_closed = 4;  // FIN came
  static constexpr std::uint8_t broken = 8;       // reset, or both directions shut
};

// Told about each edge of its descriptor.
class ReadyTarget {
 public:
  virtual void on_ready(std::uint8_t ready) noexcept = 0;

 protected:
  ~ReadyTarget() = default;
};

class Reactor {
 public:
  virtual ~Reactor() = default;

  // Registers once, for all edges. False with errno set when the kernel refuses.
  virtual bool add(int fd, ReadyTarget& target) noexcept = 0;
  // No edge of `fd` reaches `target` after this, also none that wait() has found, whoever else
  // holds the socket. REQUIRES: `fd` is still open.
  virtual void forget(int fd, ReadyTarget& target) noexcept = 0;
  // Waits at most until `until` (no_deadline: for ever; in the past: not at all).
  virtual void wait(TimePoint now, TimePoint until) noexcept = 0;
  // `target` is told of readiness by the next dispatch() as if an edge had come, and wait() does
  // not wait: it left some of what it was told of for the next turn. Does nothing if it is told
  // already.
  virtual void tell_again(ReadyTarget& target) = 0;
  // Tells the targets what wait() found. Apart from it, so that the time is read in between.
  virtual void dispatch() noexcept = 0;

  // --- connections; each transport goes before the reactor
  // Of `socket`, connected and non-blocking; left alone where this throws bad_alloc.
  virtual std::unique_ptr<Transport> make_transport(Descriptor&& socket);
  struct Connecting {
    std::unique_ptr<Transport> transport;
    bool done;  // otherwise it becomes writable, and connect_error() tells what came of it
  };
  // Begins to connect to `address`. The reason is connect_failed.
  virtual Result<Connecting> connect(const SocketAddress& address);
};

std::unique_ptr<Reactor> make_epoll_reactor();

}  // namespace weir::net
