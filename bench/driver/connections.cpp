#include "driver/connections.hpp"

#include <algorithm>
#include <utility>

#include "weir/codec/h1/client_exchange.hpp"
#include "weir/net/tls_session.hpp"

namespace weir::bench {
namespace {

constexpr std::size_t header_size = 64 * 1024;  // of an answer, at most

}  // namespace

std::unique_ptr<codec::ClientExchange> Connection::begin(TransferClock& clock,
                                                         const CancelScope& scope,
                                                         codec::ClientExchange::Owner& owner,
                                                         Method method) {
  if (session_ != nullptr) return session_->begin(clock, scope, owner, method, header_size);
  return codec::h1::make_client_exchange(*stream_, clock, scope, owner, method, header_size);
}

Connections::Connections(net::Loop& loop, const Target& target, std::size_t most,
                         std::size_t places, Duration timeout, Owner& owner)
    : loop_(loop),
      target_(target),
      most_(most),
      places_(places),
      timeout_(timeout),
      owner_(owner),
      connecting_(loop) {
  all_.reserve(most_);
  idle_.reserve(most_);
}

Task<> Connections::open_all() {
  for (std::size_t i = 0; i < most_; ++i) connecting_.spawn(connect());
  co_await connecting_.join();
}

Connection* Connections::take() noexcept {
  if (target_.http2) return take_session();
  while (!idle_.empty()) {
    Connection* const connection = idle_.back();
    idle_.pop_back();
    const net::Stream& stream = *connection->stream_;
    if (stream.is_open() && !stream.peer_closed() && !stream.broken()) {
      connection->busy_ = 1;
      return connection;
    }
    remove(*connection);
  }
  return nullptr;
}

Connection* Connections::take_session() noexcept {
  // Those that have ended go once nobody uses them.
  for (std::size_t i = all_.size(); i-- > 0;) {
    if (all_[i]->busy_ == 0 && all_[i]->session_->ending()) remove(*all_[i]);
  }
  for (std::size_t looked = 0; looked < all_.size(); ++looked) {
    next_ = next_ + 1 < all_.size() ? next_ + 1 : 0;
    Connection& connection = *all_[next_];
    const codec::h2::ClientConnection& session = *connection.session_;
    if (connection.busy_ + session.orphans() >= std::min(places_, session.limit())) continue;
    ++connection.busy_;
    return &connection;
  }
  return nullptr;
}

void Connections::want() noexcept {
  // A connect that fails at once comes back here: the loop below goes on with it.
  if (wanting_ || closing_) return;
  wanting_ = true;
  while (all_.size() + under_way_ < most_ && under_way_ * places_ < owner_.waiting()) {
    connecting_.spawn(connect());
  }
  wanting_ = false;
}

void Connections::give_back(Connection& connection, bool reusable) noexcept {
  --connection.busy_;
  if (!target_.http2) {
    if (reusable) {
      idle_.push_back(&connection);
    } else {
      remove(connection);
    }
  }
  owner_.place_free();
  want();
}

Task<> Connections::close() {
  closing_ = true;
  co_await connecting_.join();
  idle_.clear();
  all_.clear();
}

Task<> Connections::connect() {
  ++under_way_;
  std::unique_ptr<Connection> made;
  const Result<> done = co_await connect_to(Clock::now() + timeout_, made);
  --under_way_;
  if (done) {
    add(std::move(made));
    owner_.place_free();
  } else {
    ++figures_.failed;
    owner_.connect_failed(done.error());
  }
  want();
}

Task<Result<>> Connections::connect_to(Deadline until, std::unique_ptr<Connection>& out) {
  std::unique_ptr<net::Stream> stream;
  const Result<> connected = co_await net::Stream::connect(loop_, target_.address, until, stream);
  if (!connected) co_return connected;
  if (target_.tls != nullptr) {
    stream->start_tls(target_.tls->connect(loop_.buffers(), target_.authority, target_.host));
    const net::Io shaken = co_await stream->handshake(until);
    if (shaken == net::Io::timeout) co_return fail(Reason::connect_timeout, Side::upstream);
    if (shaken != net::Io::ok) {
      co_return fail(Reason::upstream_tls_failed, Side::upstream, stream->tls()->failure());
    }
    if (target_.http2 && stream->alpn() != "h2") {
      co_return fail(Reason::upstream_tls_failed, Side::upstream, "the target does not offer h2");
    }
  }
  if (!target_.http2) {
    out = std::make_unique<Connection>(std::move(stream));
    co_return Result<>{};
  }
  auto session = codec::h2::make_client_connection(
      std::move(stream), {.tls = target_.tls != nullptr, .header_size = header_size});
  const Result<> ready = co_await session->ready(until);
  if (!ready) co_return ready;
  out = std::make_unique<Connection>(std::move(session));
  co_return Result<>{};
}

void Connections::add(std::unique_ptr<Connection> connection) {
  connection->index_ = all_.size();
  if (!target_.http2) idle_.push_back(connection.get());
  all_.push_back(std::move(connection));
  ++figures_.opened;
  figures_.most_open = std::max(figures_.most_open, all_.size());
}

void Connections::remove(Connection& connection) noexcept {
  const std::size_t index = connection.index_;
  std::swap(all_[index], all_.back());
  all_[index]->index_ = index;
  all_.pop_back();
}

}  // namespace weir::bench
