#include "weir/upstream/connection_pool.hpp"

#include <array>

#include "upstream/debug_steps.hpp"
#include "weir/net/loop.hpp"

namespace weir::upstream {
namespace {

// Nothing unread, nobody gone. A read that filled its buffer exactly leaves the stream readable
// with nothing there: only trying tells.
bool is_quiet(net::Stream& stream) noexcept {
  if (!stream.is_open() || stream.peer_closed() || stream.broken() || stream.cancelled()) {
    return false;
  }
  std::array<std::byte, 1> stray;
  return stream.try_read(stray).status == net::Io::would_block;
}

std::string_view why_not_quiet(const net::Stream& stream) noexcept {
  return stream.peer_closed() || stream.broken() || !stream.is_open()
             ? "the upstream closed it"
             : "the upstream sent what nobody asked for";
}

}  // namespace

void Connection::on_unread_edge(std::uint8_t) noexcept {
  // Under TLS what came may be for the protocol itself: a ticket.
  if (stream_->tls() != nullptr && is_quiet(*stream_)) return;
  pool_->drop(*this);
}

void ConnectionPool::put(std::unique_ptr<Connection> connection, TimePoint now,
                         Duration idle_timeout, std::size_t most) noexcept {
  bury();
  net::Stream& stream = connection->stream();
  if (now >= connection->ends_) return tell_retired(stream.id(), "connection_age");
  if (size() >= most) return tell_retired(stream.id(), "enough are kept");
  if (!is_quiet(stream)) return tell_retired(stream.id(), why_not_quiet(stream));
  idle_timeout_ = idle_timeout;
  Connection* const added = connection.release();
  added->pool_ = this;
  added->idle_since_ = now;
  added->newer_ = nullptr;
  added->older_ = newest_;
  (newest_ != nullptr ? newest_->newer_ : oldest_) = added;
  newest_ = added;
  set_size(size() + 1);
  added->stream().set_observer(added);
  // A timer that is set already is due for an older one.
  if (!scheduled() && idle_timeout != Duration::zero()) {
    added->stream().loop().wheel().schedule(*this, now + idle_timeout);
  }
}

void ConnectionPool::drop_aged(TimePoint now) noexcept {
  while (newest_ != nullptr && now >= newest_->ends_) {
    const std::unique_ptr<Connection> closed(newest_);
    unlink(*closed);
    tell_retired(closed->stream().id(), "connection_age");
  }
}

std::unique_ptr<Connection> ConnectionPool::take(TimePoint now) noexcept {
  bury();
  if (!has_any(now)) return nullptr;
  std::unique_ptr<Connection> taken(newest_);
  unlink(*taken);
  taken->stream().set_observer(nullptr);
  return taken;
}

void ConnectionPool::clear() noexcept {
  bury();
  while (newest_ != nullptr) {
    const std::unique_ptr<Connection> closed(newest_);
    unlink(*closed);
    tell_retired(closed->stream().id(), "its endpoint or its TLS settings changed");
  }
  unschedule();
}

void ConnectionPool::expire(TimePoint now) noexcept {
  bury();
  if (idle_timeout_ == Duration::zero()) return;
  while (oldest_ != nullptr && oldest_->idle_since_ + idle_timeout_ <= now) {
    const std::unique_ptr<Connection> closed(oldest_);
    unlink(*closed);
    tell_retired(closed->stream().id(), "idle_timeout");
  }
  if (oldest_ == nullptr) return;
  oldest_->stream().loop().wheel().schedule(*this, oldest_->idle_since_ + idle_timeout_);
}

// Called by the stream itself, which must survive the call.
void ConnectionPool::drop(Connection& connection) noexcept {
  net::Stream& stream = connection.stream();
  tell_retired(stream.id(), why_not_quiet(stream));
  unlink(connection);
  stream.close();
  connection.older_ = closed_;
  closed_ = &connection;
  stream.loop().wheel().schedule(*this, stream.loop().now());
}

void ConnectionPool::unlink(Connection& connection) noexcept {
  (connection.newer_ != nullptr ? connection.newer_->older_ : newest_) = connection.older_;
  (connection.older_ != nullptr ? connection.older_->newer_ : oldest_) = connection.newer_;
  connection.newer_ = connection.older_ = nullptr;
  set_size(size() - 1);
}

void ConnectionPool::bury_one() noexcept {
  const std::unique_ptr<Connection> dead(closed_);
  closed_ = dead->older_;
}

}  // namespace weir::upstream
