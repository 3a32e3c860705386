#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "net/tls/handles.hpp"
#include "weir/net/tls_session.hpp"

namespace weir::net {
namespace {

constexpr std::size_t record_plaintext = 16 * 1024;
// What sealing one record adds at most, with room for a key update before it.
constexpr std::size_t record_overhead = 512;
constexpr std::size_t seal_block = BufferPool::framed_size;
// What a peer can make us answer by itself (alerts, key updates) and leave unread.
constexpr std::size_t most_unasked = 256 * 1024;

std::string text_of(std::string_view name, unsigned long code) {
  const char* reason = ERR_reason_error_string(code);
  return std::string(name) + (reason != nullptr ? reason : "unknown error");
}

HandshakeFault fault_of(unsigned long code) noexcept {
  if (code == 0) return HandshakeFault::closed;
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return HandshakeFault::other;
  const int reason = ERR_GET_REASON(code);
  if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
    return HandshakeFault::alert;
  }
  switch (reason) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return HandshakeFault::closed;
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      return HandshakeFault::plain_http;
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_BAD_RECORD_TYPE:
      return HandshakeFault::not_tls;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
      return HandshakeFault::version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
      return HandshakeFault::algorithms;
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return HandshakeFault::alpn;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return HandshakeFault::certificate_missing;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return HandshakeFault::certificate_refused;
    default:
      return HandshakeFault::other;
  }
}

}  // namespace

// The BIO below the SSL: a reader and a writer of the session's two blocks.
struct TlsBio {
  static TlsSession& session(BIO* bio) noexcept {
    return *static_cast<TlsSession*>(BIO_get_data(bio));
  }
  static int read(BIO* bio, char* into, std::size_t size, std::size_t* got) noexcept {
    TlsSession& at = session(bio);
    BIO_clear_retry_flags(bio);
    *got = std::min(size, at.in_end_ - at.in_begin_);
    if (*got != 0) {
      std::memcpy(into, at.in_.data() + at.in_begin_, *got);
      at.in_begin_ += *got;
      if (at.in_begin_ == at.in_end_) at.in_.release();
      return 1;
    }
    if (!at.eof_) BIO_set_retry_read(bio);
    return 0;
  }
  static int write(BIO* bio, const char* data, std::size_t size, std::size_t* taken) noexcept {
    BIO_clear_retry_flags(bio);
    if (!session(bio).append(data, size)) return 0;
    *taken = size;
    return 1;
  }
  static long control(BIO* bio, int command, long, void*) noexcept {
    if (command == BIO_CTRL_EOF) return session(bio).eof_ && !session(bio).has_received() ? 1 : 0;
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
  }
  static BIO* make(TlsSession& at) {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir");
      BIO_meth_set_read_ex(made, read);
      BIO_meth_set_write_ex(made, write);
      BIO_meth_set_ctrl(made, control);
      return made;
    }();
    BIO* bio = BIO_new(method);
    if (bio == nullptr) throw std::bad_alloc();
    BIO_set_data(bio, &at);
    BIO_set_init(bio, 1);
    return bio;
  }
};

TlsSession::TlsSession(ssl_st* ssl, BufferPool& pool, std::shared_ptr<const void> keep)
    : ssl_(ssl), pool_(pool), keep_(std::move(keep)) {
  BIO* const bio = TlsBio::make(*this);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_app_data(ssl_, this);
}

TlsSession::~TlsSession() {
  // A connection that is cut says nothing against its session: it can be resumed.
  if (!failed_) SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl_);
}

TlsSession* TlsSession::of(const ssl_st* ssl) noexcept {
  return static_cast<TlsSession*>(SSL_get_app_data(ssl));
}

std::span<std::byte> TlsSession::room(std::size_t wanted) {
  if (in_.size() < wanted) in_ = pool_.borrow(wanted);
  in_begin_ = in_end_ = 0;
  return in_.span();
}

void TlsSession::received(std::size_t bytes) noexcept {
  in_begin_ = 0;
  in_end_ = bytes;
  if (bytes == 0) in_.release();
}

void TlsSession::sent(std::size_t bytes) noexcept {
  out_begin_ += bytes;
  if (out_begin_ != out_end_) return;
  out_begin_ = out_end_ = 0;
  out_.release();
}

bool TlsSession::append(const char* data, std::size_t size) noexcept {
  if (!sealing_ && out_end_ - out_begin_ + size > most_unasked) return false;
  if (out_end_ + size > out_.size()) {
    try {
      const std::size_t held = out_end_ - out_begin_;
      Buffer larger = pool_.borrow(std::max(held + size, std::min(held * 2, most_unasked)));
      if (held != 0) std::memcpy(larger.data(), out_.data() + out_begin_, held);
      out_ = std::move(larger);
      out_begin_ = 0;
      out_end_ = held;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  std::memcpy(out_.data() + out_end_, data, size);
  out_end_ += size;
  return true;
}

TlsSession::Step TlsSession::fail() noexcept {
  failed_ = true;
  try {
    const unsigned long code = ERR_peek_error();
    const int reason = ERR_GET_REASON(code);
    fault_ = fault_of(code);
    alerted_ = ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET &&
               reason < SSL_AD_REASON_OFFSET + 256;
    const long verified = SSL_get_verify_result(ssl_);
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
      certificate_failed_ = true;
      failure_ = "certificate: ";
      failure_ += certificate_fault_.empty() ? X509_verify_cert_error_string(verified)
                                             : std::move(certificate_fault_);
    } else if (code == 0) {
      failure_ = "closed without a close_notify";
    } else {
      failure_ = text_of("", code);
    }
  } catch (const std::bad_alloc&) {
    failure_.clear();
  }
  ERR_clear_error();
  return Step::failed;
}

TlsSession::Step TlsSession::handshake() noexcept {
  if (failed_) return Step::failed;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) {
    established_ = true;
    return Step::done;
  }
  return SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ ? Step::want_read : fail();
}

TlsSession::Step TlsSession::read(std::span<std::byte> into, std::size_t& bytes) noexcept {
  bytes = 0;
  if (failed_) return Step::failed;
  ERR_clear_error();
  if (SSL_read_ex(ssl_, into.data(), into.size(), &bytes) == 1) return Step::done;
  switch (SSL_get_error(ssl_, 0)) {
    case SSL_ERROR_WANT_READ:
      return Step::want_read;
    case SSL_ERROR_ZERO_RETURN:
      return Step::closed;
    default:
      return fail();
  }
}

bool TlsSession::may_read() const noexcept { return has_received() || SSL_pending(ssl_) > 0; }

std::size_t TlsSession::seal(std::span<const iovec> pieces, std::size_t skip) noexcept {
  if (failed_) return 0;
  while (!pieces.empty() && skip >= pieces.front().iov_len) {
    skip -= pieces.front().iov_len;
    pieces = pieces.subspan(1);
  }
  std::size_t left = 0;
  for (const iovec& piece : pieces) left += piece.iov_len;
  left -= pieces.empty() ? 0 : skip;
  std::size_t taken = 0;
  ERR_clear_error();
  try {
    const std::size_t records = (left + record_plaintext - 1) / record_plaintext;
    const std::size_t needed = left + records * record_overhead;
    if (out_.size() < std::min(needed, seal_block)) {
      out_ = pool_.borrow(std::min(std::max(needed, BufferPool::small_size), seal_block));
    }
    Buffer joined;
    while (taken != left) {
      std::size_t size = std::min(left - taken, record_plaintext);
      if (taken != 0 && out_end_ + size + record_overhead > out_.size()) break;
      const std::byte* from = static_cast<const std::byte*>(pieces.front().iov_base) + skip;
      const std::size_t here = pieces.front().iov_len - skip;
      if (here >= size) {
        skip += size;
      } else {
        if (!joined) joined = pool_.borrow(record_plaintext);
        for (std::size_t at = 0; at != size;) {
          const std::size_t part = std::min(size - at, pieces.front().iov_len - skip);
          if (part != 0) {
            std::memcpy(joined.data() + at,
                        static_cast<const std::byte*>(pieces.front().iov_base) + skip, part);
          }
          at += part;
          skip += part;
          if (skip == pieces.front().iov_len && at != size) {
            pieces = pieces.subspan(1);
            skip = 0;
          }
        }
        from = joined.data();
      }
      std::size_t written = 0;
      sealing_ = true;
      const int result = SSL_write_ex(ssl_, from, size, &written);
      sealing_ = false;
      if (result != 1) {
        fail();
        return 0;
      }
      taken += size;
      while (!pieces.empty() && skip == pieces.front().iov_len) {
        pieces = pieces.subspan(1);
        skip = 0;
      }
    }
  } catch (const std::bad_alloc&) {
    failed_ = true;
    return 0;
  }
  return taken;
}

void TlsSession::close_notify() noexcept {
  if (failed_ || !established_ || std::exchange(notified_, true)) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

std::string_view TlsSession::version() const noexcept { return SSL_get_version(ssl_); }
bool TlsSession::resumed() const noexcept { return SSL_session_reused(ssl_) == 1; }

std::string_view TlsSession::alpn() const noexcept {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

}  // namespace weir::net
