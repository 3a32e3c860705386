#include "server/worker.hpp"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "server/failure_log.hpp"
#include "server/proxy_header.hpp"
#include "weir/base/signals.hpp"
#include "weir/codec/h1/server_connection.hpp"
#include "weir/codec/h2/server_connection.hpp"
#include "weir/codec/preface.hpp"
#include "weir/net/tls_session.hpp"

namespace weir::server {
namespace {

SocketAddress local_address(int fd) {
  sockaddr_storage storage;
  socklen_t length = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return SocketAddress::from(reinterpret_cast<sockaddr*>(&storage), length);
}

bool is_trusted(const SocketAddress& peer, const std::vector<Cidr>& trusted) {
  if (!peer.ip().valid()) return true;  // whoever may open a unix: socket is of the house
  return std::ranges::any_of(trusted,
                             [&](const Cidr& network) { return network.contains(peer.ip()); });
}

}  // namespace

// What is counted while a connection lives, taken back when it ends.
struct Worker::Connection {
  Connection(Worker& owner, BoundListener& on) : worker(owner), listener(on) {
    listener.metrics->shard(worker.index_).opened();
  }
  ~Connection() {
    listener.metrics->shard(worker.index_).closed(protocol);
    worker.process_->connections.fetch_sub(1, std::memory_order_relaxed);
    if (counted) worker.clients_.leave(listener.index, client);
    worker.check_empty();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Worker& worker;
  BoundListener& listener;
  IpAddress client;
  bool counted = false;
  telemetry::Protocol protocol = telemetry::Protocol::unknown;
};

Worker::Worker(unsigned index, std::unique_ptr<Process>& process,
               std::vector<std::unique_ptr<Worker>>& peers, std::vector<BoundListener>& listeners,
               ClientCounts& clients)
    : index_(index),
      process_(process),
      peers_(peers),
      listeners_(listeners),
      clients_(clients),
      connections_group_(loop_) {}

Worker::~Worker() { assert(!thread_.joinable() || connections_.empty()); }

void Worker::start(std::shared_ptr<const Snapshot> snapshot) {
  gateway_.emplace(index_, *process_);
  gateway_->adopt(std::move(snapshot));
  heads_.emplace(process_->head_memory, [this](unsigned listener) {
    listeners_[listener].metrics->shard(index_).refused(telemetry::Refusal::head_memory);
  });
  thread_ = std::jthread([this] {
    block_signals();
    ::pthread_setname_np(::pthread_self(), ("worker-" + std::to_string(index_)).c_str());
    listen();
    loop_.run();
    process_->registry.leave(index_);
  });
}

void Worker::listen() {
  for (BoundListener& listener : listeners_) {
    if (index_ >= listener.sockets.size()) continue;
    const int fd = listener.sockets.take(index_);
    acceptors_.push_back(std::make_unique<net::Acceptor>(
        loop_, fd,
        [this, &listener](int accepted, const SocketAddress& peer) {
          accept(accepted, peer, listener);
        },
        listener.sockets.is_passed()));
  }
}

void Worker::accept(int fd, const SocketAddress& peer, BoundListener& listener) {
  // A unix: address has one socket: whoever has it deals the connections out.
  if (listener.sockets.size() < peers_.size()) {
    Worker& other = *peers_[next_peer_++ % peers_.size()];
    if (&other != this) {
      other.loop_.mailbox().post([&other, fd, peer, &listener] { other.take(fd, peer, listener); });
      return;
    }
  }
  take(fd, peer, listener);
}

void Worker::take(int fd, const SocketAddress& peer, BoundListener& listener) {
  if (aborted_) {
    ::close(fd);
    return;
  }
  const std::uint64_t most = process_->max_connections.load(std::memory_order_relaxed);
  if (process_->connections.fetch_add(1, std::memory_order_relaxed) >= most) {
    process_->connections.fetch_sub(1, std::memory_order_relaxed);
    refuse(listener, peer, telemetry::Refusal::max_connections, "");
    ::close(fd);
    return;
  }
  connections_group_.spawn(serve(std::make_unique<net::Stream>(loop_, fd), peer, listener));
}

Task<> Worker::serve(std::unique_ptr<net::Stream> stream, SocketAddress peer,
                     BoundListener& listener) {
  const config::Listener& config = *listener.config;
  Connection counted(*this, listener);
  if (aborted_) co_return;  // between its accept and its start
  auto& shard = listener.metrics->shard(index_);
  ConnectionInfo info;
  info.worker = index_;
  info.loop = &loop_;
  info.heads = &*heads_;
  info.listener = listener.index;
  info.listener_name = config.name;
  info.local = local_address(stream->fd());
  info.peer = std::move(peer);
  info.peer_trusted = is_trusted(info.peer, gateway_->trusted_proxies());

  if (config.proxy_protocol == config::ProxyProtocol::required) {
    if (!info.peer_trusted) {
      refuse(listener, info.peer, telemetry::Refusal::proxy_protocol,
             "the peer is not in trusted_proxies");
      co_return;
    }
    const Deadline until = deadline_after(loop_.now(), config.limits.handshake_timeout);
    const auto place = handshakes_.insert(handshakes_.end(), stream.get());
    const std::string fault = co_await read_proxy_header(*stream, until, info);
    handshakes_.erase(place);
    if (!fault.empty()) {
      refuse(listener, info.peer, telemetry::Refusal::proxy_protocol, fault);
      co_return;
    }
    info.peer_trusted = is_trusted(info.peer, gateway_->trusted_proxies());
  }
  if (config.limits.connections_per_client != 0 && info.peer.ip().valid()) {
    if (!clients_.enter(listener.index, info.peer.ip(), config.limits.connections_per_client)) {
      refuse(listener, info.peer, telemetry::Refusal::connections_per_client, "");
      co_return;
    }
    counted.client = info.peer.ip();
    counted.counted = true;
  }

  std::shared_ptr<const TlsFacts> facts;
  if (listener.tls != nullptr) {
    facts = co_await handshake(*stream, info.peer, listener);
    if (facts == nullptr) co_return;
    info.tls = facts.get();
  }

  const config::Protocols spoken = config.spoken();
  bool h2 = spoken.h2c;
  if (listener.tls != nullptr) {
    // Whoever offers nothing speaks HTTP/1, unless this listener does not.
    h2 = stream->alpn().empty() ? !spoken.http1 : stream->alpn() == "h2";
  }
  if (listener.tls == nullptr && spoken.h2c && spoken.http1) {
    const auto place = handshakes_.insert(handshakes_.end(), stream.get());
    const codec::Preface preface =
        co_await codec::recognise(*stream, config.limits.header_timeout, draining_);
    handshakes_.erase(place);
    if (preface == codec::Preface::nothing) co_return;
    h2 = preface == codec::Preface::h2;
  }
  counted.protocol = h2 ? telemetry::Protocol::h2 : telemetry::Protocol::http1;
  shard.recognised(counted.protocol);
  const auto connection =
      h2 ? codec::h2::make_server_connection(std::move(stream), info, config.limits, *gateway_)
         : codec::h1::make_server_connection(std::move(stream), info, config.limits, *gateway_);
  if (draining_) connection->drain();
  const auto place = connections_.insert(connections_.end(), connection.get());
  struct Listed {
    std::list<codec::ServerConnection*>& list;
    std::list<codec::ServerConnection*>::iterator at;
    ~Listed() { list.erase(at); }
  };
  const Listed listed{connections_, place};
  co_await connection->run();
}

void Worker::refuse(BoundListener& listener, const SocketAddress& peer, telemetry::Refusal refusal,
                    std::string_view why) {
  listener.metrics->shard(index_).refused(refusal);
  log_refused_connection(loop_.now(), listener.config->name, peer, refusal, why);
}

Task<std::shared_ptr<const TlsFacts>> Worker::handshake(net::Stream& stream,
                                                        const SocketAddress& peer,
                                                        BoundListener& listener) {
  const Deadline until = deadline_after(loop_.now(), listener.config->limits.handshake_timeout);
  stream.start_tls(listener.tls->accept(loop_.buffers()));
  const auto place = handshakes_.insert(handshakes_.end(), &stream);
  const net::Io done = co_await stream.handshake(until);
  handshakes_.erase(place);
  auto& shard = listener.metrics->shard(index_);
  if (done != net::Io::ok) {
    const net::TlsSession* const tls = stream.tls();
    const bool failed = done == net::Io::error && tls != nullptr && tls->failed();
    const HandshakeFault fault = done == net::Io::timeout ? HandshakeFault::timeout
                                 : failed                 ? tls->fault()
                                                          : HandshakeFault::closed;
    shard.handshakes_failed.add();
    shard.handshake_faults[static_cast<std::size_t>(fault)].add();
    if (done == net::Io::timeout) shard.refused(telemetry::Refusal::handshake_timeout);
    log_failed_handshake(loop_.now(), listener.config->name, peer, fault,
                         failed ? std::string_view(tls->failure()) : std::string_view());
    co_return nullptr;
  }
  auto facts = net::TlsServer::facts(*stream.tls());
  (facts->resumed ? shard.handshakes_resumed : shard.handshakes).add();
  co_return facts;
}

void Worker::check_empty() {
  if (!emptied_) return;
  // The task that calls this is still in the group; its end is a turn away.
  loop_.mailbox().post([this] {
    if (connections_group_.size() != 0 || !emptied_) return;
    // Copies of requests have no client that waits for them.
    process_->shadows[index_]->end(std::exchange(emptied_, nullptr));
  });
}

void Worker::adopt(std::shared_ptr<const Snapshot> snapshot, std::function<void()> done) {
  loop_.mailbox().post([this, snapshot = std::move(snapshot), done = std::move(done)]() mutable {
    gateway_->adopt(std::move(snapshot));
    done();
  });
}

void Worker::drain() {
  loop_.mailbox().post([this] {
    draining_ = true;
    for (net::Stream* stream : handshakes_) stream->nudge_reader();
    for (codec::ServerConnection* connection : connections_) connection->drain();
  });
}

void Worker::undrain() {
  loop_.mailbox().post([this] {
    draining_ = false;
    for (codec::ServerConnection* connection : connections_) connection->undrain();
  });
}

void Worker::close_listeners(std::function<void()> done) {
  loop_.mailbox().post([this, done = std::move(done)] {
    if (acceptors_.empty()) return done();
    const auto left = std::make_shared<std::size_t>(acceptors_.size());
    for (const auto& acceptor : acceptors_) {
      acceptor->close([left, done] {
        if (--*left == 0) done();
      });
    }
  });
}

void Worker::finish(std::function<void()> done) {
  loop_.mailbox().post([this, done = std::move(done)]() mutable {
    emptied_ = std::move(done);
    check_empty();
  });
}

void Worker::abort(std::function<void(unsigned)> done) {
  loop_.mailbox().post([this, done = std::move(done)] {
    unsigned cut = 0;
    aborted_ = true;
    for (net::Stream* stream : handshakes_) stream->reset();
    for (codec::ServerConnection* connection : connections_) {
      if (connection->in_flight()) ++cut;
      connection->abort();
    }
    done(cut);
  });
}

void Worker::stop() {
  loop_.stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace weir::server
