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
#include "server/worker_parts.hpp"
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
  Connection(Worker& owner, Listener& on, const ListenerEdition& under, Place taken)
      : worker(owner), listener(on), edition(under), place(std::move(taken)) {
    ++listener.open;
    edition.metrics->shard(worker.index_).opened();
  }
  ~Connection() {
    edition.metrics->shard(worker.index_).closed(protocol);
    if (counted) worker.clients_.leave(edition.number, client);
    --listener.open;
    worker.check_retired(listener);
    worker.check_empty();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Worker& worker;
  Listener& listener;
  const ListenerEdition& edition;
  const Place place;
  IpAddress client;
  bool counted = false;
  telemetry::Protocol protocol = telemetry::Protocol::unknown;
};

Worker::Worker(unsigned index, std::unique_ptr<Process>& process,
               std::vector<std::unique_ptr<Worker>>& peers, ClientCounts& clients)
    : index_(index),
      process_(process),
      peers_(peers),
      clients_(clients),
      connections_group_(loop_) {}

Worker::~Worker() { assert(!thread_.joinable() || connections_group_.size() == 0); }

void Worker::start(std::shared_ptr<const Snapshot> snapshot) {
  gateway_.emplace(index_, *process_);
  gateway_->adopt(std::move(snapshot));
  for (const auto& [number, listener] : listeners_) {
    gateway_->add_listener(number, listener->edition->config.name);
  }
  heads_.emplace(process_->head_memory, [this](unsigned number, const SocketAddress& peer) {
    const Listener* const listener = find_listener(number);
    if (listener != nullptr) {
      refuse(*listener->edition, peer, telemetry::Refusal::head_memory, "");
    }
  });
  thread_ = std::jthread([this] {
    block_signals();
    ::pthread_setname_np(::pthread_self(), ("worker-" + std::to_string(index_)).c_str());
    loop_.run();
    process_->registry.leave(index_);
  });
}

void Worker::accepted(Descriptor connection, const SocketAddress& peer, Listener& listener,
                      bool deal_out) {
  if (deal_out) {
    Worker& other = *peers_[next_peer_++ % peers_.size()];
    if (&other != this) {
      other.loop_.mailbox().post([&other, fd = std::move(connection), peer,
                                  edition = listener.edition]() mutable noexcept {
        try {
          other.take(std::move(fd), peer, other.listener_of(edition));
        } catch (const std::bad_alloc&) {
          other.not_accepted(*edition, ENOMEM);
        }
      });
      return;
    }
  }
  take(std::move(connection), peer, listener);
}

void Worker::take(Descriptor accepted, const SocketAddress& peer, Listener& listener) {
  if (aborted_) return;
  Place place(*process_);
  if (!place) {
    refuse(*listener.edition, peer, telemetry::Refusal::max_connections, "");
    return;
  }
  auto stream = std::make_unique<net::Stream>(loop_, std::move(accepted));
  if (!stream->is_open()) return not_accepted(*listener.edition, errno);
  connections_group_.spawn(serve(std::move(stream), std::move(place), peer, listener));
}

void Worker::not_accepted(const ListenerEdition& listener, int error) noexcept {
  if (const auto refusal = refusal_of(error)) listener.metrics->shard(index_).refused(*refusal);
  log_not_accepted(loop_.now(), listener.config.name, error);
}

Task<> Worker::serve(std::unique_ptr<net::Stream> stream, Place place, SocketAddress peer,
                     Listener& listener) {
  const EditionPtr edition = listener.edition;
  const config::Listener& config = edition->config;
  Connection counted(*this, listener, *edition, std::move(place));
  if (aborted_) co_return;  // between its accept and its start
  auto& shard = edition->metrics->shard(index_);
  ConnectionInfo info;
  info.id = stream->id();
  info.worker = index_;
  info.loop = &loop_;
  info.heads = &*heads_;
  info.listener = edition->number;
  info.listener_name = config.name;
  info.settings = edition.get();
  info.local = stream->local_address();
  info.peer = std::move(peer);
  info.peer_trusted = is_trusted(info.peer, gateway_->trusted_proxies());
  tell_accepted(info);

  if (config.proxy_protocol == config::ProxyProtocol::required) {
    if (!info.peer_trusted) {
      refuse(*edition, info.peer, telemetry::Refusal::proxy_protocol,
             "the peer is not in trusted_proxies");
      co_return;
    }
    const Deadline until = deadline_after(loop_.now(), config.limits.handshake_timeout);
    std::string fault;
    {
      const Listed listed(listener.handshakes, stream.get());
      fault = co_await read_proxy_header(*stream, until, info);
    }
    if (!fault.empty()) {
      refuse(*edition, info.peer, telemetry::Refusal::proxy_protocol, fault);
      co_return;
    }
    info.peer_trusted = is_trusted(info.peer, gateway_->trusted_proxies());
  }
  if (config.limits.connections_per_client != 0 && info.peer.ip().valid()) {
    if (!clients_.enter(edition->number, info.peer.ip(), config.limits.connections_per_client)) {
      refuse(*edition, info.peer, telemetry::Refusal::connections_per_client, "");
      co_return;
    }
    counted.client = info.peer.ip();
    counted.counted = true;
  }
  std::shared_ptr<const TlsFacts> facts;
  if (edition->tls != nullptr) {
    facts = co_await handshake(*stream, info.peer, listener, *edition);
    if (facts == nullptr) co_return;
    info.tls = facts.get();
    tell_secured(info, stream->alpn());
  }

  const config::Protocols spoken = config.spoken();
  bool h2 = spoken.h2c;
  if (edition->tls != nullptr) {
    // Whoever offers nothing speaks HTTP/1, unless this listener does not.
    h2 = stream->alpn().empty() ? !spoken.http1 : stream->alpn() == "h2";
  }
  if (edition->tls == nullptr && spoken.h2c && spoken.http1) {
    codec::Preface preface = codec::Preface::nothing;
    {
      const Listed listed(listener.handshakes, stream.get());
      preface = co_await codec::recognise(*stream, config.limits.header_timeout, listener.draining);
    }
    if (preface == codec::Preface::nothing) co_return;
    h2 = preface == codec::Preface::h2;
  }
  counted.protocol = h2 ? telemetry::Protocol::h2 : telemetry::Protocol::http1;
  shard.recognised(counted.protocol);
  const auto connection =
      h2 ? codec::h2::make_server_connection(std::move(stream), info, config.limits, *gateway_)
         : codec::h1::make_server_connection(std::move(stream), info, config.limits, *gateway_);
  if (listener.draining) connection->drain();
  const Listed listed(listener.connections, connection.get());
  co_await connection->run();
  tell_closed(info);
}

void Worker::refuse(const ListenerEdition& listener, const SocketAddress& peer,
                    telemetry::Refusal refusal, std::string_view why) {
  listener.metrics->shard(index_).refused(refusal);
  log_refused_connection(loop_.now(), listener.config.name, peer, refusal, why);
}

Task<std::shared_ptr<const TlsFacts>> Worker::handshake(net::Stream& stream,
                                                        const SocketAddress& peer,
                                                        Listener& listener,
                                                        const ListenerEdition& edition) {
  const Deadline until = deadline_after(loop_.now(), edition.config.limits.handshake_timeout);
  const Listed listed(listener.handshakes, &stream);
  auto& shard = edition.metrics->shard(index_);
  const bool plain = co_await speaks_plain_http(stream, until);
  if (plain) {
    shard.handshakes_failed.add();
    shard.handshake_faults[static_cast<std::size_t>(HandshakeFault::plain_http)].add();
    log_failed_handshake(loop_.now(), edition.config.name, peer, stream.id(),
                         HandshakeFault::plain_http, "");
    co_await refuse_plain_http(stream);
    co_return nullptr;
  }
  stream.start_tls(edition.tls->accept(loop_.buffers()));
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
    log_failed_handshake(loop_.now(), edition.config.name, peer, stream.id(), fault,
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

void Worker::finish(std::function<void()> done) {
  loop_.mailbox().post([this, done = std::move(done)]() mutable {
    emptied_ = std::move(done);
    check_empty();
  });
}

void Worker::stop() {
  loop_.stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace weir::server
