// Listening sockets: bound once by the main thread, one a worker where the kernel can spread
// connections over several (SO_REUSEPORT), accepted from on a worker.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "weir/base/ip.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/reactor.hpp"
#include "weir/net/timer_wheel.hpp"

namespace weir::net {

// How many connections may wait to be accepted at each socket; the kernel cuts it to
// net.core.somaxconn.
inline constexpr int listen_backlog = 4096;

// Descriptors that listen on one address; closes those it still has.
class ListenSockets {
 public:
  // Binds `count` sockets to `address` (one for unix:, after removing a stale socket file that
  // nobody listens on). Port 0 is given a port, the same for all. The error says what failed.
  static std::expected<ListenSockets, std::string> open(const SocketAddress& address,
                                                        unsigned count);
  // Takes over sockets that somebody else bound to `address` and goes on owning.
  static ListenSockets passed(SocketAddress address, std::vector<int> fds);

  ListenSockets(ListenSockets&& other) noexcept;
  ListenSockets& operator=(ListenSockets&& other) noexcept;
  ~ListenSockets();

  const SocketAddress& address() const noexcept { return address_; }
  std::size_t size() const noexcept { return fds_.size(); }
  // Whether the address is somebody else's, who may go on listening there.
  bool is_passed() const noexcept { return passed_; }
  // The descriptor, whose owner the caller becomes; -1 when it was taken before.
  int take(std::size_t index) noexcept;

 private:
  ListenSockets() = default;
  SocketAddress address_;
  std::vector<int> fds_;
  bool passed_ = false;
};

// Accepts on a worker. That worker's thread only.
class Acceptor final : private ReadyTarget, private Timer {
 public:
  // Gets each accepted, non-blocking descriptor and becomes its owner.
  using Sink = std::function<void(int fd, const SocketAddress& peer)>;

  // `shared`: another process goes on accepting from the socket.
  Acceptor(Loop& loop, int listen_fd, Sink sink, bool shared = false);
  ~Acceptor() override;

  // Lets nobody new in, accepts what is queued or in a handshake, and stops listening, which
  // takes half a second at most; then `closed`, maybe before this returns. To be called once.
  void close(std::function<void()> closed);

 private:
  void on_ready(std::uint8_t ready) noexcept override;
  void expire(TimePoint now) noexcept override;
  void accept_all();
  bool handshakes_under_way() const;
  void end();

  Loop& loop_;
  int fd_;
  Sink sink_;
  const bool shared_;
  std::function<void()> closed_;  // set: closes, waiting for handshakes until close_by_
  TimePoint close_by_{};
};

}  // namespace weir::net
