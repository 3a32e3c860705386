// One TLS connection as a converter: received bytes in, plaintext out, and back. It makes no system
// call; a Stream moves the sealed bytes. Holds borrowed blocks only while there is something in
// them. Owned by its stream, worker thread only.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "weir/base/buffer.hpp"
#include "weir/base/handshake_fault.hpp"

struct ssl_st;  // OpenSSL's SSL

namespace weir::net {

class TlsSession {
 public:
  enum class Step : std::uint8_t {
    done,
    want_read,  // more must be received
    closed,     // the peer said close_notify
    failed,     // failure() says why; an alert may wait to be sent
  };

  // Takes `ssl`, with its method set to accept or connect; `keep` outlives it. REQUIRES: `pool`
  // outlives it.
  TlsSession(ssl_st* ssl, BufferPool& pool, std::shared_ptr<const void> keep);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // --- the sealed side
  // Where to put received bytes. REQUIRES: nothing received is left. May throw bad_alloc.
  std::span<std::byte> room(std::size_t wanted);
  void received(std::size_t bytes) noexcept;
  // The peer's FIN: without a close_notify before it what was read is truncated.
  void end_of_input() noexcept { eof_ = true; }
  bool has_received() const noexcept { return in_begin_ != in_end_; }
  std::span<const std::byte> unsent() const noexcept {
    return {out_.data() + out_begin_, out_end_ - out_begin_};
  }
  bool has_unsent() const noexcept { return out_begin_ != out_end_; }
  void sent(std::size_t bytes) noexcept;

  // --- the plain side
  Step handshake() noexcept;
  bool established() const noexcept { return established_; }
  // One record at most; `bytes` is what came with done.
  Step read(std::span<std::byte> into, std::size_t& bytes) noexcept;
  // Plaintext that read() gives without another received byte may be there.
  bool may_read() const noexcept;
  // Seals `pieces` from byte `skip` on, as much as fits a block, small ones joined into full
  // records. Returns how much was taken; 0 with failed() set when it cannot.
  // REQUIRES: !has_unsent().
  std::size_t seal(std::span<const iovec> pieces, std::size_t skip) noexcept;
  // Seals a close_notify, once; nothing after a failure or before the handshake's end.
  void close_notify() noexcept;

  bool failed() const noexcept { return failed_; }
  // OpenSSL's words; of a certificate that was refused also whom it is for, when and by whom.
  const std::string& failure() const noexcept { return failure_; }
  // The failure was what a certificate said, not the protocol.
  bool certificate_failed() const noexcept { return certificate_failed_; }
  // It was an alert of the peer's. In TLS 1.3 a server's verdict on its client's certificate comes
  // so behind the client's handshake.
  bool alerted() const noexcept { return alerted_; }
  // What kind of failure it was, where the handshake failed.
  HandshakeFault fault() const noexcept { return fault_; }
  // What is wrong with the peer's certificate, by whoever checks it.
  void set_certificate_fault(std::string fault) noexcept { certificate_fault_ = std::move(fault); }

  // --- facts, once established
  std::string_view version() const noexcept;  // "TLSv1.3"
  bool resumed() const noexcept;
  std::string_view alpn() const noexcept;  // "" when none was agreed on
  const std::string& sni() const noexcept { return sni_; }
  void set_sni(std::string_view name) { sni_ = name; }
  // Which of the listener's client_auth policies the handshake was held to.
  unsigned policy() const noexcept { return policy_; }
  void set_policy(unsigned policy) noexcept { policy_ = policy; }
  ssl_st* ssl() noexcept { return ssl_; }
  const std::shared_ptr<const void>& keep() const noexcept { return keep_; }
  // The session that `ssl` belongs to; null when none.
  static TlsSession* of(const ssl_st* ssl) noexcept;
  // Told of each ticket that comes (client's side).
  std::function<void(void* ticket)> on_ticket;

 private:
  friend struct TlsBio;
  bool append(const char* data, std::size_t size) noexcept;
  Step fail() noexcept;

  ssl_st* ssl_;
  BufferPool& pool_;
  const std::shared_ptr<const void> keep_;
  Buffer in_;
  Buffer out_;
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  std::size_t out_begin_ = 0;
  std::size_t out_end_ = 0;
  bool eof_ = false;
  bool established_ = false;
  bool failed_ = false;
  bool certificate_failed_ = false;
  bool alerted_ = false;
  bool sealing_ = false;  // what is appended was asked for by seal()
  bool notified_ = false;
  unsigned policy_ = 0;
  std::string sni_;
  HandshakeFault fault_ = HandshakeFault::closed;
  std::string failure_;
  std::string certificate_fault_;
};

}  // namespace weir::net
