// The part of Stream that moves the bytes of its TLS session.
#include <cerrno>
#include <new>
#include <utility>

#include "weir/net/pieces.hpp"
#include "weir/net/stream.hpp"
#include "weir/net/tls_session.hpp"

namespace weir::net {
namespace {

constexpr std::size_t large_receive = 64 * 1024;

}  // namespace

void Stream::start_tls(std::unique_ptr<TlsSession> session) noexcept {
  tls_ = std::move(session);
  tls_more_ = false;
}

std::string_view Stream::alpn() const noexcept {
  return tls_ == nullptr ? std::string_view() : tls_->alpn();
}

Task<Io> Stream::handshake(Deadline deadline) {
  while (true) {
    if (!is_open()) co_return cancelled() ? Io::cancelled : Io::error;
    const TlsSession::Step step = tls_->handshake();
    if (!flush_sealed() || step == TlsSession::Step::failed) co_return Io::error;
    while (tls_->has_unsent()) {
      const Io ready = co_await wait_writable(deadline);
      if (ready != Io::ok) co_return ready;
      if (!flush_sealed()) co_return Io::error;
    }
    if (step == TlsSession::Step::done) {
      tls_more_ = tls_->may_read();
      co_return Io::ok;
    }
    const Io ready = co_await wait_readable(deadline);
    if (ready != Io::ok) co_return ready;
    if (tls_receive(BufferPool::small_size) == Io::error) co_return Io::error;
  }
}

// What has arrived goes into the session: ok, would_block, error.
Io Stream::tls_receive(std::size_t wanted) noexcept {
  if (!readable_) return Io::would_block;
  try {
    const std::size_t size =
        wanted > BufferPool::small_size ? large_receive : BufferPool::small_size;
    const IoResult result = receive(tls_->room(size));
    tls_->received(result.bytes);
    if (result.status == Io::eof) tls_->end_of_input();
    return result.status == Io::eof ? Io::ok : result.status;
  } catch (const std::bad_alloc&) {
    return Io::error;
  }
}

IoResult Stream::tls_read(std::span<std::byte> into) noexcept {
  std::size_t got = 0;
  Io status = Io::ok;
  while (got < into.size() && status == Io::ok) {
    std::size_t bytes = 0;
    switch (tls_->read(into.subspan(got), bytes)) {
      case TlsSession::Step::done:
        got += bytes;
        break;
      case TlsSession::Step::want_read:
        status = tls_receive(into.size() - got);
        break;
      case TlsSession::Step::closed:
        status = Io::eof;
        break;
      case TlsSession::Step::failed:
        status = Io::error;
        break;
    }
  }
  // An answer of the protocol itself; what the kernel does not take goes with the next edge.
  if (tls_->has_unsent()) flush_sealed();
  // An end is told again by the next read.
  const bool ended = status == Io::eof || status == Io::error;
  tls_more_ = ended || (status == Io::ok && tls_->may_read());
  if (got != 0) return {.status = Io::ok, .bytes = got};
  return {status, status == Io::error ? ECONNRESET : 0};
}

IoResult Stream::tls_write(std::span<const iovec> pieces) noexcept {
  std::size_t wanted = 0;
  for (const iovec& piece : pieces) wanted += piece.iov_len;
  std::size_t taken = 0;
  while (true) {
    if (!flush_sealed()) return {Io::error, EPIPE};
    if (tls_->has_unsent()) return {.status = Io::would_block, .bytes = taken};
    if (taken == wanted) return {.status = Io::ok, .bytes = taken};
    taken += tls_->seal(pieces, taken);
    if (tls_->failed()) {
      // For want of memory, say: no edge tells who reads that this connection is over.
      tls_more_ = true;
      read_waiter_.notify();
      return {Io::error, EPIPE};
    }
  }
}

// Sends what is sealed, as much as the kernel takes; false when the connection is gone.
bool Stream::flush_sealed() noexcept {
  while (tls_->has_unsent() && writable_) {
    const auto bytes = tls_->unsent();
    const iovec piece = net::piece(bytes);
    const IoResult result = send({&piece, 1});
    if (result.status == Io::error) return false;
    tls_->sent(result.bytes);
  }
  if (fin_pending_ && !tls_->has_unsent()) {
    fin_pending_ = false;
    transport_->shutdown_write();
  }
  return true;
}

void Stream::end_sealed(bool fin) noexcept {
  tls_->close_notify();
  fin_pending_ = fin;
  flush_sealed();
}

}  // namespace weir::net
