// A thread with its loop: accepts, serves, drains. Everything on it is its own; from outside it is
// told things through its mailbox.
#pragma once

#include <expected>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/client_counts.hpp"
#include "server/gateway.hpp"
#include "weir/base/descriptor.hpp"
#include "weir/codec/server_connection.hpp"
#include "weir/config/model.hpp"
#include "weir/http/head_memory.hpp"
#include "weir/net/acceptor.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/task_group.hpp"
#include "weir/net/tls_server.hpp"

namespace weir::server {

// A listener as it was bound; lives as long as the workers.
struct BoundListener {
  const config::Listener* config = nullptr;  // of the first snapshot: listeners do not change
  unsigned index = 0;
  std::vector<net::ListenSockets> sockets;  // an address each
  std::shared_ptr<telemetry::ListenerMetrics> metrics;
  std::unique_ptr<net::TlsServer> tls;  // null: plain
};

class Worker {
 public:
  // `peers` are all workers, for listeners that one of them accepts for all. Nothing runs yet.
  Worker(unsigned index, std::unique_ptr<Process>& process,
         std::vector<std::unique_ptr<Worker>>& peers, std::vector<BoundListener>& listeners,
         ClientCounts& clients);
  ~Worker();

  // Begins to watch the listeners' sockets; the error says which cannot be watched, and why. Before
  // start(), on the thread that calls it.
  std::expected<void, std::string> listen();
  // Starts the thread, which accepts.
  void start(std::shared_ptr<const Snapshot> snapshot);
  net::Loop& loop() noexcept { return loop_; }

  // --- any thread; what is given runs on the worker, `done` too
  void adopt(std::shared_ptr<const Snapshot> snapshot, std::function<void()> done);
  void drain();
  void undrain();
  // Accepts what is queued, closes the listeners, then `done`.
  void close_listeners(std::function<void()> done);
  // Leaves the listeners' sockets to another process that has them, too, at once; then `done`. In
  // place of close_listeners().
  void leave_listeners(std::function<void()> done);
  // `done` when the last connection has ended, also if that is after abort(). REQUIRES: all workers
  // have closed their listeners, as one hands connections to another.
  void finish(std::function<void()> done);
  // Cuts what is left and what is still handed over; `done` gets how many requests were cut.
  void abort(std::function<void(unsigned cut)> done);
  // Ends the thread. REQUIRES: no connection is left.
  void stop();

 private:
  class Intake;
  class Place;
  struct Connection;

  // A connection that was accepted here, for this worker or another.
  void accepted(Descriptor connection, const SocketAddress& peer, BoundListener& listener,
                bool deal_out);
  void take(Descriptor accepted, const SocketAddress& peer, BoundListener& listener);
  // A connection was not taken, or accept() failed, with this errno.
  void not_accepted(const BoundListener& listener, int error) noexcept;
  Task<> serve(std::unique_ptr<net::Stream> stream, Place place, SocketAddress peer,
               BoundListener& listener);
  // Counts and logs a connection that is closed before its first request.
  void refuse(BoundListener& listener, const SocketAddress& peer, telemetry::Refusal refusal,
              std::string_view why);
  // Null when it failed or took too long; the connection is then to be closed.
  Task<std::shared_ptr<const TlsFacts>> handshake(net::Stream& stream, const SocketAddress& peer,
                                                  BoundListener& listener);
  void check_empty();

  const unsigned index_;
  std::unique_ptr<Process>& process_;  // made after the workers' loops, before start()
  std::vector<std::unique_ptr<Worker>>& peers_;
  std::vector<BoundListener>& listeners_;
  ClientCounts& clients_;
  net::Loop loop_;
  std::optional<Gateway> gateway_;    // from start() on
  std::optional<HeadAccount> heads_;  // likewise
  net::TaskGroup connections_group_;
  std::vector<std::unique_ptr<Intake>> intakes_;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  std::list<codec::ServerConnection*> connections_;
  std::list<net::Stream*> handshakes_;  // connections that have not got that far
  std::function<void()> emptied_;
  unsigned next_peer_ = 0;
  bool draining_ = false;
  bool aborted_ = false;
  std::jthread thread_;
};

}  // namespace weir::server
