// What a worker keeps of its listeners and sockets. That worker's thread only.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "server/worker.hpp"

namespace weir::server {

// A listener as one worker serves it, from its first connection or socket to its last connection.
struct Worker::Listener {
  explicit Listener(EditionPtr of) noexcept : edition(std::move(of)) {}

  EditionPtr edition;  // of newcomers
  std::list<codec::ServerConnection*> connections;
  std::list<net::Stream*> handshakes;  // connections that have not got that far
  unsigned open = 0;                   // all of its connections
  bool draining = false;               // the worker drains, or this listener alone
  std::function<void()> emptied;       // set: it is gone, and tells its end
};

// A listening socket with its acceptor.
class Worker::Socket final : public net::Acceptor::Sink {
 public:
  Socket(Worker& worker, Listener& of, unsigned number, bool deal_out) noexcept
      : id(number), listener(&of), worker_(worker), deal_out_(deal_out) {}
  void accepted(Descriptor connection, const SocketAddress& peer) override {
    worker_.accepted(std::move(connection), peer, *listener, deal_out_);
  }
  void accept_failed(int error) noexcept override {
    worker_.not_accepted(*listener->edition, error);
  }

  const unsigned id;
  Listener* listener;  // until it is closed
  std::unique_ptr<net::Acceptor> acceptor;
  bool closes = false;
  bool closed = false;
  unsigned asked = 0;                          // of the kernel, without an answer yet
  std::vector<std::function<void()>> waiting;  // for its end

 private:
  Worker& worker_;
  const bool deal_out_;
};

}  // namespace weir::server
