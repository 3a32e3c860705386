// A connection's bytes over a socket, whose readiness a reactor watches. Worker thread only.
#pragma once

#include <expected>
#include <utility>

#include "weir/base/descriptor.hpp"
#include "weir/base/result.hpp"
#include "weir/net/reactor.hpp"
#include "weir/net/transport.hpp"

namespace weir::net {

// Why a connect failed, told by its errno.
std::unexpected<Error> connect_failure(int error);

class SocketTransport final : public Transport {
 public:
  // Takes `socket`, connected or connecting, and non-blocking. `reactor` outlives it.
  SocketTransport(Reactor& reactor, Descriptor&& socket) noexcept
      : reactor_(reactor), socket_(std::move(socket)) {}
  ~SocketTransport() override;

  bool open(ReadyTarget& target) noexcept override;
  int connect_error() noexcept override;
  ssize_t receive(std::span<std::byte> into) noexcept override;
  ssize_t peek(std::span<std::byte> into) noexcept override;
  ssize_t send(std::span<const iovec> pieces) noexcept override;
  void shutdown_write() noexcept override;
  void close(bool reset) noexcept override;
  SocketAddress local_address() const override;

 private:
  Reactor& reactor_;
  Descriptor socket_;
  ReadyTarget* target_ = nullptr;  // null: the reactor does not know the socket
};

}  // namespace weir::net
