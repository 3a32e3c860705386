#include "app/demo/backends.hpp"

#include <pthread.h>

#include <iterator>
#include <utility>

#include "weir/base/signals.hpp"

namespace weir::app {

std::expected<std::unique_ptr<DemoBackends>, std::string> DemoBackends::start(
    const std::vector<std::string>& names) {
  const SocketAddress any_port(IpAddress::v4({127, 0, 0, 1}), 0);
  std::list<Backend> backends;
  for (const std::string& name : names) {
    auto sockets = net::ListenSockets::open(any_port, 1);
    if (!sockets) return std::unexpected("backend " + name + ": " + sockets.error());
    backends.emplace_back(std::move(*sockets), name);
  }
  std::unique_ptr<DemoBackends> out(new DemoBackends(std::move(backends)));
  if (auto listening = out->listen(); !listening) return std::unexpected(listening.error());
  out->thread_ = std::jthread([backends = out.get()] {
    block_signals();
    ::pthread_setname_np(::pthread_self(), "backends");
    backends->loop_.run();
  });
  return out;
}

DemoBackends::DemoBackends(std::list<Backend> backends)
    : backends_(std::move(backends)), group_(loop_) {}

DemoBackends::~DemoBackends() {
  if (!thread_.joinable()) return;
  loop_.mailbox().post([this] {
    stopping_ = true;
    acceptors_.clear();
    for (codec::ServerConnection* connection : connections_) connection->abort();
    stop_when_empty();
  });
  thread_.join();
}

std::vector<std::string> DemoBackends::addresses() const {
  std::vector<std::string> out;
  for (const Backend& backend : backends_) out.push_back(backend.sockets.address().to_string());
  return out;
}

DemoHandler& DemoBackends::handler(std::size_t index) {
  return std::next(backends_.begin(), static_cast<std::ptrdiff_t>(index))->handler;
}

std::expected<void, std::string> DemoBackends::listen() {
  for (Backend& backend : backends_) {
    backend.owner = this;
    auto acceptor = net::Acceptor::open(loop_, backend.sockets.take(0), backend);
    if (!acceptor) return std::unexpected(std::move(acceptor.error()));
    acceptors_.push_back(std::move(*acceptor));
  }
  return {};
}

void DemoBackends::Backend::accepted(Descriptor connection, const SocketAddress& peer) {
  owner->group_.spawn(owner->serve(
      std::make_unique<net::Stream>(owner->loop_, std::move(connection)), peer, handler));
}

Task<> DemoBackends::serve(std::unique_ptr<net::Stream> stream, SocketAddress peer,
                           DemoHandler& handler) {
  ConnectionInfo info;
  info.loop = &loop_;
  info.peer = std::move(peer);
  const auto connection =
      codec::h1::make_server_connection(std::move(stream), info, limits_, handler);
  const auto place = connections_.insert(connections_.end(), connection.get());
  if (stopping_) connection->abort();
  co_await connection->run();
  connections_.erase(place);
  stop_when_empty();
}

void DemoBackends::stop_when_empty() {
  // The task that calls this ends before the loop takes its next letter.
  if (stopping_ && connections_.empty()) loop_.stop();
}

}  // namespace weir::app
