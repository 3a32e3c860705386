#include "weir/net/stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "net/system_calls.hpp"
#include "weir/base/errno_name.hpp"
#include "weir/net/pieces.hpp"
#include "weir/net/tls_session.hpp"

namespace weir::net {
namespace {

std::uint64_t next_id() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

std::unexpected<Error> connect_failure(int error) {
  Error out{Reason::connect_failed, Side::upstream, errno_name(error)};
  if (error == ECONNREFUSED) out.sentence = "the upstream refused the connection";
  return std::unexpected(std::move(out));
}

}  // namespace

Io Stream::to_io(Wake wake) noexcept {
  switch (wake) {
    case Wake::notified:
      return Io::ok;
    case Wake::timeout:
      return Io::timeout;
    case Wake::cancelled:
      return Io::cancelled;
  }
  return Io::error;
}

Stream::Stream(Loop& loop, int fd)
    : loop_(loop), id_(next_id()), fd_(fd), read_waiter_(loop), write_waiter_(loop) {
  // Without a registration no edge would ever come: closed is what the owner sees.
  if (loop_.reactor().add(fd_, *this)) return;
  const int error = errno;
  close();
  errno = error;
}

Stream::~Stream() { close(); }

Result<> Stream::begin_connect(Loop& loop, const SocketAddress& address,
                               std::unique_ptr<Stream>& out) {
  Descriptor fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail(Reason::connect_failed, Side::internal, errno_name(errno));
  if (address.family() != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  sockaddr_storage storage;
  const socklen_t length = address.to_sockaddr(storage);
  const int connected = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length);
  if (connected != 0 && errno != EINPROGRESS) return connect_failure(errno);
  out = std::make_unique<Stream>(loop, std::move(fd));
  if (!out->is_open()) {
    return fail(Reason::connect_failed, Side::internal, errno_name(errno));
  }
  out->writable_ = connected == 0;
  return {};
}

Result<> Stream::connected() noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return connect_failure(error);
  return {};
}

Task<Result<>> Stream::connect(Loop& loop, const SocketAddress& address, Deadline deadline,
                               std::unique_ptr<Stream>& out) {
  const Result<> begun = begin_connect(loop, address, out);
  if (!begun || out->writable()) co_return begun;
  const Io ready = co_await out->wait_writable(deadline);
  if (ready == Io::timeout) {
    co_return fail(Reason::connect_timeout, Side::upstream, errno_name(ETIMEDOUT));
  }
  if (ready != Io::ok) co_return fail(Reason::connect_failed, Side::upstream, "given up");
  co_return out->connected();
}

IoResult Stream::try_read(std::span<std::byte> into) noexcept {
  if (fd_ < 0) return {Io::error, 0, EBADF};
  if (tls_ != nullptr) [[unlikely]]
    return tls_read(into);
  if (!readable_) return {Io::would_block};
  return receive(into);
}

IoResult Stream::receive(std::span<std::byte> into) noexcept {
  ssize_t got = 0;
  do {
    got = receive_bytes(fd_, into.data(), into.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    const auto bytes = static_cast<std::size_t>(got);
    // Drained, unless a FIN still waits behind these bytes.
    if (bytes < into.size() && !peer_closed_) readable_ = false;
    return {Io::ok, bytes};
  }
  if (got == 0) {
    peer_closed_ = true;
    return {Io::eof};
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    readable_ = false;
    return {Io::would_block};
  }
  peer_closed_ = broken_ = true;
  return {Io::error, 0, errno};
}

IoResult Stream::discard(std::size_t most) noexcept {
  thread_local std::array<std::byte, 64 * 1024> scrap;
  if (fd_ < 0) return {Io::error, 0, EBADF};
  tls_more_ = false;
  if (!readable_) return {Io::would_block};
  return receive(std::span(scrap).first(std::min(most, scrap.size())));
}

IoResult Stream::try_peek(std::span<std::byte> into) noexcept {
  if (fd_ < 0) return {Io::error, 0, EBADF};
  const ssize_t got = ::recv(fd_, into.data(), into.size(), MSG_PEEK);
  if (got > 0) return {Io::ok, static_cast<std::size_t>(got)};
  if (got == 0) return {Io::eof};
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    readable_ = false;
    return {Io::would_block};
  }
  return {Io::error, 0, errno};
}

IoResult Stream::try_write(std::span<const iovec> pieces) noexcept {
  if (fd_ < 0) return {Io::error, 0, EBADF};
  if (tls_ != nullptr) [[unlikely]]
    return tls_write(pieces);
  if (!writable_) return {Io::would_block};
  return send(pieces);
}

IoResult Stream::send(std::span<const iovec> pieces) noexcept {
  std::size_t wanted = 0;
  for (const iovec& piece : pieces) wanted += piece.iov_len;
  ssize_t sent = 0;
  do {
    if (pieces.size() == 1) {
      sent = send_bytes(fd_, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
    } else {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(pieces.data());
      message.msg_iovlen = pieces.size();
      sent = send_pieces(fd_, message, MSG_NOSIGNAL);
    }
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) {
    const auto bytes = static_cast<std::size_t>(sent);
    if (bytes < wanted) {
      writable_ = false;
      return {Io::would_block, bytes};
    }
    return {Io::ok, bytes};
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    writable_ = false;
    return {Io::would_block};
  }
  const int error = errno;
  // What the peer said last, or its end, can be read, also before the edge that tells of it.
  readable_ = true;
  return {Io::error, 0, error};
}

Task<Io> Stream::write_all(std::span<iovec> pieces, Duration stall) {
  while (true) {
    const IoResult result = try_write(pieces);
    if (result.status == Io::ok) co_return Io::ok;
    if (result.status == Io::error) co_return Io::error;
    pieces = without_first(pieces, result.bytes);
    const Io ready = co_await wait_writable(deadline_after(loop_.now(), stall));
    if (ready != Io::ok) co_return ready;
  }
}

void Stream::shutdown_write() noexcept {
  if (fd_ < 0) return;
  if (tls_ != nullptr) return end_sealed(true);
  ::shutdown(fd_, SHUT_WR);
}

void Stream::close() noexcept {
  if (fd_ < 0) return;
  if (tls_ != nullptr) end_sealed(false);
  release_socket();
}

void Stream::release_socket() noexcept {
  loop_.reactor().forget(fd_, *this);
  ::close(std::exchange(fd_, -1));
  observer_ = nullptr;
  cancel();
}

void Stream::reset() noexcept {
  if (fd_ < 0) return;
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  release_socket();
}

void Stream::cancel() noexcept {
  read_waiter_.cancel();
  write_waiter_.cancel();
}

void Stream::on_ready(std::uint8_t ready) noexcept {
  if ((ready & Ready::peer_closed) != 0) peer_closed_ = true;
  if ((ready & Ready::broken) != 0) broken_ = true;
  if ((ready & Ready::write) != 0 && !writable_) {
    writable_ = true;
    if (tls_ != nullptr) flush_sealed();
    write_waiter_.notify();
    if (observer_ != nullptr) observer_->on_writable();
  }
  if ((ready & Ready::read) != 0) {
    readable_ = true;
    const bool read = read_waiter_.waiting();
    if (read) read_waiter_.notify();
    // The end may come in one edge with the last bytes, which are all that the reader wants.
    const bool end = (ready & (Ready::peer_closed | Ready::broken)) != 0;
    if (observer_ != nullptr && (!read || end)) observer_->on_unread_edge(ready);
  }
}

}  // namespace weir::net
