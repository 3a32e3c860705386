#include "net/socket_transport.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "net/system_calls.hpp"
#include "weir/base/errno_name.hpp"

namespace weir::net {
namespace {

// Makes `call` until no signal interrupts it: what it returned, or the errno, negated.
template <class Call>
ssize_t uninterrupted(Call call) noexcept {
  while (true) {
    const ssize_t out = call();
    if (out >= 0) return out;
    if (errno != EINTR) return -errno;
  }
}

}  // namespace

std::unexpected<Error> connect_failure(int error) {
  Error out{Reason::connect_failed, Side::upstream, errno_name(error)};
  if (error == ECONNREFUSED) out.sentence = "the upstream refused the connection";
  return std::unexpected(std::move(out));
}

SocketTransport::~SocketTransport() {
  if (socket_) close(false);
}

bool SocketTransport::open(ReadyTarget& target) noexcept {
  if (!reactor_.add(socket_.get(), target)) return false;
  target_ = &target;
  return true;
}

int SocketTransport::connect_error() noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

ssize_t SocketTransport::receive(std::span<std::byte> into) noexcept {
  return uninterrupted([&] { return receive_bytes(socket_.get(), into.data(), into.size(), 0); });
}

ssize_t SocketTransport::peek(std::span<std::byte> into) noexcept {
  return uninterrupted(
      [&] { return receive_bytes(socket_.get(), into.data(), into.size(), MSG_PEEK); });
}

ssize_t SocketTransport::send(std::span<const iovec> pieces) noexcept {
  if (pieces.size() == 1) {
    const iovec& piece = pieces.front();
    return uninterrupted(
        [&] { return send_bytes(socket_.get(), piece.iov_base, piece.iov_len, MSG_NOSIGNAL); });
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  return uninterrupted([&] { return send_pieces(socket_.get(), message, MSG_NOSIGNAL); });
}

void SocketTransport::shutdown_write() noexcept { ::shutdown(socket_.get(), SHUT_WR); }

void SocketTransport::close(bool reset) noexcept {
  if (reset) {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  if (target_ != nullptr) reactor_.forget(socket_.get(), *target_);
  socket_.close();
}

SocketAddress SocketTransport::local_address() const {
  sockaddr_storage storage;
  socklen_t length = sizeof storage;
  if (::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return SocketAddress::from(reinterpret_cast<sockaddr*>(&storage), length);
}

std::unique_ptr<Transport> Reactor::make_transport(Descriptor&& socket) {
  return std::make_unique<SocketTransport>(*this, std::move(socket));
}

Result<Reactor::Connecting> Reactor::connect(const SocketAddress& address) {
  Descriptor socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return fail(Reason::connect_failed, Side::internal, errno_name(errno));
  if (address.family() != AF_UNIX) {
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  sockaddr_storage storage;
  const socklen_t length = address.to_sockaddr(storage);
  const bool done =
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) == 0;
  if (!done && errno != EINPROGRESS) return connect_failure(errno);
  return Connecting{make_transport(std::move(socket)), done};
}

}  // namespace weir::net
