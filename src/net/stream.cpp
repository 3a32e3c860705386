#include "weir/net/stream.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

#include "net/socket_transport.hpp"
#include "weir/base/errno_name.hpp"
#include "weir/net/pieces.hpp"
#include "weir/net/tls_session.hpp"

namespace weir::net {
namespace {

std::uint64_t next_id() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
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

Stream::Stream(Loop& loop, std::unique_ptr<Transport> transport)
    : loop_(loop),
      id_(next_id()),
      transport_(std::move(transport)),
      read_waiter_(loop),
      write_waiter_(loop) {
  // Without edges nothing would ever come: closed is what the owner sees.
  if (transport_->open(*this)) return;
  const int error = errno;
  close();
  errno = error;
}

Stream::~Stream() { close(); }

Result<> Stream::begin_connect(Loop& loop, const SocketAddress& address,
                               std::unique_ptr<Stream>& out) {
  auto connecting = loop.reactor().connect(address);
  if (!connecting) return std::unexpected(std::move(connecting.error()));
  out = std::make_unique<Stream>(loop, std::move(connecting->transport));
  if (!out->is_open()) {
    return fail(Reason::connect_failed, Side::internal, errno_name(errno));
  }
  out->writable_ = connecting->done;
  return {};
}

Result<> Stream::connected() noexcept {
  const int error = is_open() ? transport_->connect_error() : 0;
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
  if (!is_open()) return {Io::error, EBADF};
  if (tls_ != nullptr) [[unlikely]]
    return tls_read(into);
  if (!readable_) return {Io::would_block};
  return receive(into);
}

IoResult Stream::try_read(Buffer& block, std::size_t filled, std::size_t wanted) {
  if (filled == 0 && block.size() < wanted) block = loop_.buffers().borrow(wanted);
  return try_read(block.span().subspan(filled));
}

IoResult Stream::receive(std::span<std::byte> into) noexcept {
  const ssize_t got = transport_->receive(into);
  if (got > 0) {
    const auto bytes = static_cast<std::size_t>(got);
    // Drained, unless a FIN still waits behind these bytes.
    if (bytes < into.size() && !peer_closed_) readable_ = false;
    return {.status = Io::ok, .bytes = bytes};
  }
  if (got == 0) {
    peer_closed_ = true;
    return {Io::eof};
  }
  if (got == -EAGAIN) {
    readable_ = false;
    return {Io::would_block};
  }
  peer_closed_ = broken_ = true;
  return {Io::error, static_cast<int>(-got)};
}

IoResult Stream::discard(std::size_t most) noexcept {
  thread_local std::array<std::byte, 64 * 1024> scrap;
  if (!is_open()) return {Io::error, EBADF};
  tls_more_ = false;
  if (!readable_) return {Io::would_block};
  return receive(std::span(scrap).first(std::min(most, scrap.size())));
}

IoResult Stream::try_peek(std::span<std::byte> into) noexcept {
  if (!is_open()) return {Io::error, EBADF};
  const ssize_t got = transport_->peek(into);
  if (got > 0) return {.status = Io::ok, .bytes = static_cast<std::size_t>(got)};
  if (got == 0) return {Io::eof};
  if (got == -EAGAIN) {
    readable_ = false;
    return {Io::would_block};
  }
  return {Io::error, static_cast<int>(-got)};
}

IoResult Stream::try_write(std::span<const iovec> pieces) noexcept {
  if (!is_open()) return {Io::error, EBADF};
  if (tls_ != nullptr) [[unlikely]]
    return tls_write(pieces);
  if (!writable_) return {Io::would_block};
  return send(pieces);
}

IoResult Stream::send(std::span<const iovec> pieces) noexcept {
  const ssize_t sent = transport_->send(pieces);
  if (sent >= 0) {
    std::size_t wanted = 0;
    for (const iovec& piece : pieces) wanted += piece.iov_len;
    const auto bytes = static_cast<std::size_t>(sent);
    if (bytes < wanted) {
      writable_ = false;
      return {.status = Io::would_block, .bytes = bytes};
    }
    return {.status = Io::ok, .bytes = bytes};
  }
  if (sent == -EAGAIN) {
    writable_ = false;
    return {Io::would_block};
  }
  // What the peer said last, or its end, can be read, also before the edge that tells of it.
  readable_ = true;
  return {Io::error, static_cast<int>(-sent)};
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
  if (!is_open()) return;
  if (tls_ != nullptr) return end_sealed(true);
  transport_->shutdown_write();
}

void Stream::close() noexcept {
  if (!is_open()) return;
  if (tls_ != nullptr) end_sealed(false);
  release_transport(false);
}

void Stream::release_transport(bool reset) noexcept {
  transport_->close(reset);
  transport_.reset();
  observer_ = nullptr;
  cancel();
}

void Stream::reset() noexcept {
  if (is_open()) release_transport(true);
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
