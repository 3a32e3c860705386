// A connection on a worker, over a Transport: non-blocking reads and writes into borrowed memory,
// and waits with deadlines. Registered once, edge-triggered; a short read means there is nothing
// more until the next edge, so no call is made just to see EAGAIN. Given a TLS session, the bytes
// read and written are those inside it. Worker thread only.
#pragma once

#include <sys/uio.h>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "weir/base/buffer.hpp"
#include "weir/base/descriptor.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/result.hpp"
#include "weir/base/task.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/reactor.hpp"
#include "weir/net/transport.hpp"
#include "weir/net/waiter.hpp"

namespace weir::net {

class TlsSession;

enum class Io : std::uint8_t { ok, would_block, eof, error, timeout, cancelled };

// Of two words, so that it is returned in registers.
struct IoResult {
  Io status = Io::ok;
  int error = 0;  // errno with Io::error
  std::size_t bytes = 0;
};

// Hears of what happens on a stream while nobody reads it, and of its end also when somebody does.
class StreamObserver {
 public:
  // `ready` as in Reactor. May close the stream, not destroy it.
  virtual void on_unread_edge(std::uint8_t ready) noexcept = 0;
  // It takes bytes again after a write that it did not take in full. May close the stream, too.
  virtual void on_writable() noexcept {}

 protected:
  ~StreamObserver() = default;
};

class Stream final : private ReadyTarget {
 public:
  // Where `transport` cannot be opened the stream is closed from the start, and errno says why.
  Stream(Loop& loop, std::unique_ptr<Transport> transport);
  // Takes a socket, connected and non-blocking; closes it where this throws bad_alloc.
  Stream(Loop& loop, Descriptor socket)
      : Stream(loop, loop.reactor().make_transport(std::move(socket))) {}
  Stream(Loop& loop, int fd) : Stream(loop, Descriptor(fd)) {}
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Connects. The reason is connect_failed or connect_timeout, or what cancel() of the returned
  // stream's `out` gave: `out` is set before waiting so that a caller can cancel.
  static Task<Result<>> connect(Loop& loop, const SocketAddress& address, Deadline deadline,
                                std::unique_ptr<Stream>& out);
  // The same in steps: begins; `out` may be connected at once. It becomes writable, and its
  // observer hears of it, when connected() tells what came of it.
  static Result<> begin_connect(Loop& loop, const SocketAddress& address,
                                std::unique_ptr<Stream>& out);
  Result<> connected() noexcept;
  bool writable() const noexcept { return writable_; }

  // Under TLS from now on: handshake() comes next. What was not read yet belongs to it.
  void start_tls(std::unique_ptr<TlsSession> session) noexcept;
  // ok; error: the session's failure() says why, and the peer was told; timeout; cancelled.
  Task<Io> handshake(Deadline deadline);
  // Null for a plain stream.
  TlsSession* tls() const noexcept { return tls_.get(); }
  // The protocol agreed on in the handshake, "" for none.
  std::string_view alpn() const noexcept;

  // What is there now: ok with bytes > 0, would_block (without a system call when no edge came),
  // eof, error. Under TLS only a close_notify is an eof: a FIN without it is an error, as anybody
  // can send one.
  IoResult try_read(std::span<std::byte> into) noexcept;
  // The same behind the first `filled` bytes of `block`. With none of them the block is replaced
  // where it has less than `wanted` bytes, or where the transport has one with what came; then this
  // may throw bad_alloc, and nothing was read. REQUIRES: `filled` < its size, or 0.
  IoResult try_read(Buffer& block, std::size_t filled, std::size_t wanted);
  // The same without taking it. REQUIRES: no TLS.
  IoResult try_peek(std::span<std::byte> into) noexcept;
  // Takes what there is now and drops it, at most `most` bytes and those of one call; under TLS the
  // sealed bytes, of which none can be read any more. Results as of try_read().
  IoResult discard(std::size_t most) noexcept;
  // Lets the next wait_readable() be for more than try_peek() saw.
  void await_more() noexcept { readable_ = peer_closed_; }
  // A reader's note for the next one: the last message was long, the next may well be.
  bool long_messages() const noexcept { return long_messages_; }
  void note_long_message(bool was_long) noexcept { long_messages_ = was_long; }
  // co_await stream.wait_readable(deadline): waits for an edge when there is none; ok, timeout,
  // cancelled. Costs no coroutine.
  auto wait_readable(Deadline deadline) noexcept {
    return Wait{read_waiter_, deadline, readable() || !is_open()};
  }
  bool readable() const noexcept { return readable_ || tls_more_; }

  // Writes as much as the kernel takes; ok or would_block with bytes >= 0, or error. Under TLS
  // bytes that were sealed count as written, so would_block may leave nothing for the caller but to
  // call again, with nothing, when it is writable.
  IoResult try_write(std::span<const iovec> pieces) noexcept;
  // The same for room to write.
  auto wait_writable(Deadline deadline) noexcept {
    return Wait{write_waiter_, deadline, writable_ || !is_open()};
  }
  // Writes all of `pieces` (which it changes), each stall bounded by `stall` (zero: unbounded): ok,
  // error, timeout, cancelled.
  Task<Io> write_all(std::span<iovec> pieces, Duration stall);

  // Sends a FIN, under TLS a close_notify before it. Reading goes on.
  void shutdown_write() noexcept;
  // Closes with a FIN, under TLS a close_notify before it, or a reset. Waiting coroutines end with
  // cancelled. Idempotent.
  void close() noexcept;
  void reset() noexcept;
  // Lets a waiting reader look again; wait_readable() answers ok without anything to read.
  void nudge_reader() noexcept { read_waiter_.notify(); }
  // Ends every wait, now and later, with cancelled; nothing is closed.
  void cancel() noexcept;
  bool cancelled() const noexcept { return read_waiter_.cancelled(); }

  // Of this connection in the debug log; no other of the process has or had it.
  std::uint64_t id() const noexcept { return id_; }
  bool is_open() const noexcept { return transport_ != nullptr; }
  bool peer_closed() const noexcept { return peer_closed_; }  // a FIN or a reset was seen
  bool broken() const noexcept { return broken_; }
  // Our end's address; none where there is no socket. REQUIRES: is_open(). May throw bad_alloc.
  SocketAddress local_address() const { return transport_->local_address(); }
  Loop& loop() noexcept { return loop_; }

  // At most one; null for none.
  void set_observer(StreamObserver* observer) noexcept { observer_ = observer; }

 private:
  struct Wait {
    Waiter& waiter;
    Deadline deadline;
    bool ready;
    bool await_ready() const noexcept { return ready; }
    void await_suspend(std::coroutine_handle<> waiting) const noexcept {
      waiter.reset();
      waiter.wait(deadline).await_suspend(waiting);
    }
    Io await_resume() const noexcept {
      if (ready) return waiter.cancelled() ? Io::cancelled : Io::ok;
      return to_io(waiter.result());
    }
  };
  static Io to_io(Wake wake) noexcept;

  void on_ready(std::uint8_t ready) noexcept override;
  IoResult receive(std::span<std::byte> into) noexcept;
  IoResult send(std::span<const iovec> pieces) noexcept;
  void release_transport(bool reset) noexcept;
  // In tls/stream_tls.cpp.
  IoResult tls_read(std::span<std::byte> into) noexcept;
  IoResult tls_write(std::span<const iovec> pieces) noexcept;
  Io tls_receive(std::size_t wanted) noexcept;
  bool flush_sealed() noexcept;
  void end_sealed(bool fin) noexcept;

  Loop& loop_;
  const std::uint64_t id_;
  std::unique_ptr<Transport> transport_;  // null: closed
  bool readable_ = false;
  bool writable_ = true;
  bool peer_closed_ = false;
  bool broken_ = false;
  bool long_messages_ = false;
  bool tls_more_ = false;     // the session can give plaintext, or an end, without an edge
  bool fin_pending_ = false;  // a FIN goes behind what is sealed and not sent
  StreamObserver* observer_ = nullptr;
  Waiter read_waiter_;
  Waiter write_waiter_;
  std::unique_ptr<TlsSession> tls_;
};

}  // namespace weir::net
