// The demo's sample backends: servers on a thread of their own, with a loop of its own. Made and
// destroyed on the main thread.
#pragma once

#include <cstddef>
#include <expected>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/demo/handler.hpp"
#include "weir/codec/h1/server_connection.hpp"
#include "weir/config/model.hpp"
#include "weir/net/acceptor.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/task_group.hpp"

namespace weir::app {

class DemoBackends {
 public:
  // Binds a loopback port for each name and serves. The error says why it could not.
  static std::expected<std::unique_ptr<DemoBackends>, std::string> start(
      const std::vector<std::string>& names);
  // Cuts what is still being served.
  ~DemoBackends();
  DemoBackends(const DemoBackends&) = delete;
  DemoBackends& operator=(const DemoBackends&) = delete;

  // In the order of the names.
  std::vector<std::string> addresses() const;
  // By that order. Lives as long as the backends.
  DemoHandler& handler(std::size_t index);

 private:
  struct Backend final : net::Acceptor::Sink {
    Backend(net::ListenSockets bound, const std::string& name)
        : sockets(std::move(bound)), handler(name) {}
    void accepted(Descriptor connection, const SocketAddress& peer) override;
    void accept_failed(int) noexcept override {}

    net::ListenSockets sockets;
    DemoHandler handler;
    DemoBackends* owner = nullptr;
  };

  explicit DemoBackends(std::list<Backend> backends);
  std::expected<void, std::string> listen();
  Task<> serve(std::unique_ptr<net::Stream> stream, SocketAddress peer, DemoHandler& handler);
  void stop_when_empty();

  std::list<Backend> backends_;
  const config::Limits limits_;

  // --- the thread's
  net::Loop loop_;
  net::TaskGroup group_;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  std::list<codec::ServerConnection*> connections_;
  bool stopping_ = false;

  std::jthread thread_;
};

}  // namespace weir::app
