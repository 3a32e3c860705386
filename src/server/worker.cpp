#include "server/worker.hpp"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "server/debug_steps.hpp"
#include "server/failure_log.hpp"
#include "server/plain_http.hpp"
#include "server/proxy_header.hpp"
#include "weir/base/signals.hpp"
#include "weir/codec/h1/server_connection.hpp"
#include "weir/codec/h2/server_connection.hpp"
#include "weir/codec/linger.hpp"
#include "weir/codec/preface.hpp"
#include "weir/net/tls_session.hpp"

namespace weir::server {
namespace {

bool is_trusted(const SocketAddress& peer, const std::vector<Cidr>& trusted) {
  if (!peer.ip().valid()) return true;  // whoever may open a unix: socket is of the house
  return std::ranges::any_of(trusted,
                             [&](const Cidr& network) { return network.contains(peer.ip()); });
}

// In a list as long as this lives, whatever is thrown meanwhile.
template <class T>
class Listed {
 public:
  Listed(std::list<T*>& list, T* one) : list_(list), at_(list.insert(list.end(), one)) {}
  ~Listed() { list_.erase(at_); }
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;

 private:
  std::list<T*>& list_;
  const std::list<T*>::iterator at_;
};

}  // namespace

// A place among server.max_connections.
class Worker::Place {
 public:
  explicit Place(Process& process) noexcept {
    const std::uint64_t most = process.max_connections.load(std::memory_order_relaxed);
    if (process.connections.fetch_add(1, std::memory_order_relaxed) < most) {
      process_ = &process;
    } else {
      process.connections.fetch_sub(1, std::memory_order_relaxed);
    }
  }
  Place(Place&& other) noexcept : process_(std::exchange(other.process_, nullptr)) {}
  ~Place() {
    if (process_ != nullptr) process_->connections.fetch_sub(1, std::memory_order_relaxed);
  }
  // False: all places were taken.
  explicit operator bool() const noexcept { return process_ != nullptr; }

 private:
  Process* process_ = nullptr;
};

// What is counted while a connection lives, taken back when it ends.
struct Worker::Connection {
  Connection(Worker& owner, BoundListener& on, Place taken)
      : worker(owner), listener(on), place(std::move(taken)) {
    listener.metrics->shard(worker.index_).opened();
  }
  ~Connection() {
    listener.metrics->shard(worker.index_).closed(protocol);
    if (counted) worker.clients_.leave(listener.index, client);
    worker.check_empty();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Worker& worker;
  BoundListener& listener;
  const Place place;
  IpAddress client;
  bool counted = false;
  telemetry::Protocol protocol = telemetry::Protocol::unknown;
};

// What a socket's acceptor gets.
class Worker::Intake final : public net::Acceptor::Sink {
 public:
  // `deal_out`: to all workers, not to this one alone.
  Intake(Worker& worker, BoundListener& listener, bool deal_out) noexcept
      : worker_(worker), listener_(listener), deal_out_(deal_out) {}
  void accepted(Descriptor connection, const SocketAddress& peer) override {
    worker_.accepted(std::move(connection), peer, listener_, deal_out_);
  }
  void accept_failed(int error) noexcept override { worker_.not_accepted(listener_, error); }

 private:
  Worker& worker_;
  BoundListener& listener_;
  const bool deal_out_;
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
  heads_.emplace(process_->head_memory, [this](unsigned listener, const SocketAddress& peer) {
    refuse(listeners_[listener], peer, telemetry::Refusal::head_memory, "");
  });
  thread_ = std::jthread([this] {
    block_signals();
    ::pthread_setname_np(::pthread_self(), ("worker-" + std::to_string(index_)).c_str());
    loop_.run();
    process_->registry.leave(index_);
  });
}

std::expected<void, std::string> Worker::listen() {
  for (BoundListener& listener : listeners_) {
    for (net::ListenSockets& sockets : listener.sockets) {
      // More than workers are those of a process before that had more of them.
      for (std::size_t i = index_; i < sockets.size(); i += peers_.size()) {
        // A unix: address has one socket: whoever has it deals the connections out.
        intakes_.push_back(
            std::make_unique<Intake>(*this, listener, sockets.size() < peers_.size()));
        auto acceptor =
            net::Acceptor::open(loop_, sockets.take(i), *intakes_.back(), sockets.is_passed());
        if (!acceptor) {
          return std::unexpected("listener " + listener.config->name + ": " +
                                 sockets.address().to_string() + ": " + acceptor.error());
        }
        acceptors_.push_back(std::move(*acceptor));
      }
    }
  }
  return {};
}

void Worker::accepted(Descriptor connection, const SocketAddress& peer, BoundListener& listener,
                      bool deal_out) {
  if (deal_out) {
    Worker& other = *peers_[next_peer_++ % peers_.size()];
    if (&other != this) {
      other.loop_.mailbox().post(
          [&other, fd = std::move(connection), peer, &listener]() mutable noexcept {
            try {
              other.take(std::move(fd), peer, listener);
            } catch (const std::bad_alloc&) {
              other.not_accepted(listener, ENOMEM);
            }
          });
      return;
    }
  }
  take(std::move(connection), peer, listener);
}

void Worker::take(Descriptor accepted, const SocketAddress& peer, BoundListener& listener) {
  if (aborted_) return;
  Place place(*process_);
  if (!place) {
    refuse(listener, peer, telemetry::Refusal::max_connections, "");
    return;
  }
  auto stream = std::make_unique<net::Stream>(loop_, std::move(accepted));
  if (!stream->is_open()) return not_accepted(listener, errno);
  connections_group_.spawn(serve(std::move(stream), std::move(place), peer, listener));
}

void Worker::not_accepted(const BoundListener& listener, int error) noexcept {
  if (const auto refusal = refusal_of(error)) listener.metrics->shard(index_).refused(*refusal);
  log_not_accepted(loop_.now(), listener.config->name, error);
}

Task<> Worker::serve(std::unique_ptr<net::Stream> stream, Place place, SocketAddress peer,
                     BoundListener& listener) {
  const config::Listener& config = *listener.config;
  Connection counted(*this, listener, std::move(place));
  if (aborted_) co_return;  // between its accept and its start
  auto& shard = listener.metrics->shard(index_);
  ConnectionInfo info;
  info.id = stream->id();
  info.worker = index_;
  info.loop = &loop_;
  info.heads = &*heads_;
  info.listener = listener.index;
  info.listener_name = config.name;
  info.local = stream->local_address();
  info.peer = std::move(peer);
  info.peer_trusted = is_trusted(info.peer, gateway_->trusted_proxies());
  tell_accepted(info);

  if (config.proxy_protocol == config::ProxyProtocol::required) {
    if (!info.peer_trusted) {
      refuse(listener, info.peer, telemetry::Refusal::proxy_protocol,
             "the peer is not in trusted_proxies");
      co_return;
    }
    const Deadline until = deadline_after(loop_.now(), config.limits.handshake_timeout);
    std::string fault;
    {
      const Listed listed(handshakes_, stream.get());
      fault = co_await read_proxy_header(*stream, until, info);
    }
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
    tell_secured(info, stream->alpn());
  }

  const config::Protocols spoken = config.spoken();
  bool h2 = spoken.h2c;
  if (listener.tls != nullptr) {
    // Whoever offers nothing speaks HTTP/1, unless this listener does not.
    h2 = stream->alpn().empty() ? !spoken.http1 : stream->alpn() == "h2";
  }
  if (listener.tls == nullptr && spoken.h2c && spoken.http1) {
    codec::Preface preface = codec::Preface::nothing;
    {
      const Listed listed(handshakes_, stream.get());
      preface = co_await codec::recognise(*stream, config.limits.header_timeout, draining_);
    }
    if (preface == codec::Preface::nothing) co_return;
    h2 = preface == codec::Preface::h2;
  }
  counted.protocol = h2 ? telemetry::Protocol::h2 : telemetry::Protocol::http1;
  shard.recognised(counted.protocol);
  const auto connection =
      h2 ? codec::h2::make_server_connection(std::move(stream), info, config.limits, *gateway_)
         : codec::h1::make_server_connection(std::move(stream), info, config.limits, *gateway_);
  if (draining_) connection->drain();
  const Listed listed(connections_, connection.get());
  co_await connection->run();
  tell_closed(info);
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
  const Listed listed(handshakes_, &stream);
  auto& shard = listener.metrics->shard(index_);
  const bool plain = co_await speaks_plain_http(stream, until);
  if (plain) {
    shard.handshakes_failed.add();
    shard.handshake_faults[static_cast<std::size_t>(HandshakeFault::plain_http)].add();
    log_failed_handshake(loop_.now(), listener.config->name, peer, stream.id(),
                         HandshakeFault::plain_http, "");
    co_await refuse_plain_http(stream);
    co_return nullptr;
  }
  stream.start_tls(listener.tls->accept(loop_.buffers()));
  const net::Io done = co_await stream.handshake(until);
  if (done != net::Io::ok) {
    const net::TlsSession* const tls = stream.tls();
    const bool failed = done == net::Io::error && tls != nullptr && tls->failed();
    const HandshakeFault fault = done == net::Io::timeout ? HandshakeFault::timeout
                                 : failed                 ? tls->fault()
                                                          : HandshakeFault::closed;
    shard.handshakes_failed.add();
    shard.handshake_faults[static_cast<std::size_t>(fault)].add();
    if (done == net::Io::timeout) shard.refused(telemetry::Refusal::handshake_timeout);
    log_failed_handshake(loop_.now(), listener.config->name, peer, stream.id(), fault,
                         failed ? std::string_view(tls->failure()) : std::string_view());
    // Behind an alert of ours.
    if (failed && stream.is_open()) co_await codec::linger(stream);
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
    // A look at the kernel's connections takes it long where there are many: on another thread.
    const net::Acceptor::Ask ask = [this](std::function<bool()> question,
                                          std::function<void(bool)> told) {
      net::Mailbox& mailbox = loop_.mailbox();
      Offload::Job job = [question, told, &mailbox] {
        mailbox.post([told, answer = question()] { told(answer); });
      };
      if (!process_->offload.try_post(std::move(job))) told(question());
    };
    for (const auto& acceptor : acceptors_) {
      acceptor->close(
          [left, done] {
            if (--*left == 0) done();
          },
          ask);
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
