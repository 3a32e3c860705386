// What carries the bytes of one connection below its Stream: a socket, or what stands in for one.
// The Reactor makes it, so whoever replaces the reactor replaces both. TLS is above it, in Stream:
// what a transport carries is then sealed. Worker thread only.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "weir/base/ip.hpp"

namespace weir::net {

class ReadyTarget;

// No call waits, and none fails with EINTR. Edges come from the loop, never from within a call.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  // Closes it, where close() was not called.
  virtual ~Transport() = default;

  // Tells `target` of each edge from now on, and of what is ready already. Called once, before
  // anything else. False with errno set: it was refused, and close() alone may follow.
  virtual bool open(ReadyTarget& target) noexcept = 0;
  // What came of connecting, once it has become writable: 0, or an errno.
  virtual int connect_error() noexcept = 0;

  // How many bytes it put into `into`, 0 for the peer's end, or an errno, negated; EAGAIN: nothing
  // is there. After EAGAIN, and after fewer bytes than there was room for, an edge of reading tells
  // of what comes next. REQUIRES: `into` is not empty.
  virtual ssize_t receive(std::span<std::byte> into) noexcept = 0;
  // The same, and the bytes stay to be received.
  virtual ssize_t peek(std::span<std::byte> into) noexcept = 0;
  // How many bytes of `pieces` it took, from the first on, or an errno, negated; EAGAIN: none. When
  // it did not take all, an edge of writing tells that it takes more. The memory of `pieces` is the
  // caller's again when this returns.
  virtual ssize_t send(std::span<const iovec> pieces) noexcept = 0;
  // A FIN behind what was taken; receiving goes on.
  virtual void shutdown_write() noexcept = 0;
  // Closes with a FIN behind what was taken, or drops that and sends a reset. No edge reaches the
  // target after this. Called once at most, and nothing is called after it.
  virtual void close(bool reset) noexcept = 0;

  // Our end's address; none where there is no socket. May throw bad_alloc.
  virtual SocketAddress local_address() const = 0;
};

}  // namespace weir::net
