// A far end of a connection in memory that speaks TLS, as a client or a server.
#pragma once

#include <openssl/ssl.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "net/memory_transport.hpp"
#include "weir/base/buffer.hpp"
#include "weir/net/tls_client.hpp"
#include "weir/net/tls_server.hpp"
#include "weir/net/tls_session.hpp"

namespace weir::net {

class TlsFar final : public FarSeal {
 public:
  enum class Kind : std::uint8_t {
    full,     // no ticket is used nor given: each handshake has the same size
    resumed,  // with a ticket, where there is one
    tls12,    // of TLS 1.2, without tickets
  };
  static std::unique_ptr<TlsFar> client(TlsClient& client, Kind kind = Kind::full) {
    static std::atomic<std::size_t> count = 0;
    auto out = std::make_unique<TlsFar>();
    const std::string endpoint = kind == Kind::resumed ? "far" : "far " + std::to_string(++count);
    out->session_ = client.connect(out->pool_, endpoint, "one.example");
    out->be(kind);
    return out;
  }
  static std::unique_ptr<TlsFar> server(const TlsServer& server, Kind kind = Kind::full) {
    auto out = std::make_unique<TlsFar>();
    out->session_ = server.accept(out->pool_);
    out->be(kind);
    return out;
  }

  std::string begin() override {
    static_cast<void>(session_->handshake());
    return take();
  }
  std::string seal(std::string_view said) override {
    if (!session_->established()) {
      early_ += said;
      return {};
    }
    std::string out = take();
    std::string text(said);
    while (!text.empty() && !session_->failed()) {
      const iovec piece{text.data(), text.size()};
      text.erase(0, session_->seal({&piece, 1}, 0));
      out += take();
    }
    return out;
  }
  std::string hear(std::string_view bytes, std::string& heard) override {
    while (!bytes.empty() && !over_) {
      const auto room = session_->room(BufferPool::small_size);
      const std::size_t size = std::min(room.size(), bytes.size());
      std::memcpy(room.data(), bytes.data(), size);
      bytes.remove_prefix(size);
      session_->received(size);
      go_on(heard);
    }
    std::string out = take();
    if (session_->established() && !early_.empty()) out += seal(std::exchange(early_, {}));
    return out;
  }
  std::string end() override {
    session_->close_notify();
    return take();
  }

 private:
  void be(Kind kind) {
    SSL* const ssl = session_->ssl();
    if (kind == Kind::tls12) SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
    if (kind == Kind::resumed) return;
    SSL_set_options(ssl, SSL_OP_NO_TICKET);
    SSL_set_num_tickets(ssl, 0);
  }
  std::string take() {
    const auto unsent = session_->unsent();
    std::string out(reinterpret_cast<const char*>(unsent.data()), unsent.size());
    if (!out.empty()) session_->sent(out.size());
    return out;
  }
  // Until it wants more.
  void go_on(std::string& heard) {
    char plain[4096];
    std::size_t size = 0;
    TlsSession::Step step = TlsSession::Step::done;
    while (step == TlsSession::Step::done) {
      if (!session_->established()) {
        step = session_->handshake();
        continue;
      }
      step = session_->read(std::as_writable_bytes(std::span(plain)), size);
      heard.append(plain, size);
    }
    over_ = step != TlsSession::Step::want_read;
  }

  BufferPool pool_;
  std::unique_ptr<TlsSession> session_;
  std::string early_;  // said before the handshake's end
  bool over_ = false;  // the near end has said so, or what it says is no TLS
};

}  // namespace weir::net
