// A thread with its loop: accepts, serves, drains. Everything on it is its own; from outside it is
// told things through its mailbox.
#pragma once

#include <expected>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server/client_counts.hpp"
#include "server/gateway.hpp"
#include "server/listener_edition.hpp"
#include "weir/base/descriptor.hpp"
#include "weir/codec/server_connection.hpp"
#include "weir/config/model.hpp"
#include "weir/http/head_memory.hpp"
#include "weir/net/acceptor.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/task_group.hpp"

namespace weir::server {

// A listening socket for one worker.
struct NewSocket {
  unsigned id = 0;  // the address's: the same for the sockets of all workers
  Descriptor socket;
  std::string address;    // for messages
  bool passed = false;    // another process goes on accepting from it
  bool deal_out = false;  // fewer workers than all have one: who accepts deals out to all
  EditionPtr edition;
};

// What a change of listeners is to one worker.
struct ListenerUpdate {
  std::vector<NewSocket> opened;
  // Sockets that stay, whose newcomers are another edition's from now on.
  std::vector<std::pair<unsigned, EditionPtr>> moved;
};

class Worker {
 public:
  // `peers` are all workers, for listeners that one of them accepts for all. Nothing runs yet.
  Worker(unsigned index, std::unique_ptr<Process>& process,
         std::vector<std::unique_ptr<Worker>>& peers, ClientCounts& clients);
  ~Worker();

  // Begins to watch sockets; the error says which cannot be watched, and why. Before start(), on
  // the thread that calls it.
  std::expected<void, std::string> listen(std::vector<NewSocket> sockets);
  // Starts the thread, which accepts.
  void start(std::shared_ptr<const Snapshot> snapshot);
  net::Loop& loop() noexcept { return loop_; }

  // --- any thread; what is given runs on the worker, `done` too
  void adopt(std::shared_ptr<const Snapshot> snapshot, std::function<void()> done);
  // `done` gets what could not be watched, a line each.
  using Faults = std::vector<std::string>;
  void change_listeners(ListenerUpdate update, std::function<void(Faults)> done);
  // Accepts what is queued on these sockets, closes them, then `done`; others stay.
  void close_sockets(std::vector<unsigned> ids, std::function<void()> done);
  // Drains the connections of a listener; `done` when the last has ended, also if that is after
  // cut(). REQUIRES: all workers have closed its sockets.
  void retire(unsigned listener, std::function<void()> done);
  // Cuts what is left of it; `done` gets how many requests were cut.
  void cut(unsigned listener, std::function<void(unsigned cut)> done);
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
  class Place;
  class Socket;
  struct Connection;
  struct Listener;

  // --- worker_listeners.cpp
  std::expected<void, std::string> open(NewSocket socket);
  // As this worker serves it; made when it is new.
  Listener& listener_of(const EditionPtr& edition);
  // Null where there is none of that number any more.
  Listener* find_listener(unsigned number) noexcept;
  void close(Socket& socket, std::function<void()> done);
  // Frees a closed socket when nobody tells it anything any more.
  void free_later(unsigned id);
  // Its last connection may have ended.
  void check_retired(Listener& listener);
  void forget(unsigned listener);
  // Aborts its connections; how many requests were cut.
  static unsigned abort(Listener& listener);

  // --- worker.cpp
  // A connection that was accepted here, for this worker or another.
  void accepted(Descriptor connection, const SocketAddress& peer, Listener& listener,
                bool deal_out);
  void take(Descriptor accepted, const SocketAddress& peer, Listener& listener);
  // A connection was not taken, or accept() failed, with this errno.
  void not_accepted(const ListenerEdition& listener, int error) noexcept;
  Task<> serve(std::unique_ptr<net::Stream> stream, Place place, SocketAddress peer,
               Listener& listener);
  // Counts and logs a connection that is closed before its first request.
  void refuse(const ListenerEdition& listener, const SocketAddress& peer,
              telemetry::Refusal refusal, std::string_view why);
  // Null when it failed or took too long; the connection is then to be closed.
  Task<std::shared_ptr<const TlsFacts>> handshake(net::Stream& stream, const SocketAddress& peer,
                                                  Listener& listener,
                                                  const ListenerEdition& edition);
  void check_empty();

  const unsigned index_;
  std::unique_ptr<Process>& process_;  // made after the workers' loops, before start()
  std::vector<std::unique_ptr<Worker>>& peers_;
  ClientCounts& clients_;
  net::Loop loop_;
  std::optional<Gateway> gateway_;    // from start() on
  std::optional<HeadAccount> heads_;  // likewise
  net::TaskGroup connections_group_;
  std::map<unsigned, std::unique_ptr<Listener>> listeners_;  // by number
  std::list<std::unique_ptr<Socket>> sockets_;
  std::function<void()> emptied_;
  unsigned next_peer_ = 0;
  bool draining_ = false;
  bool closing_ = false;  // takes no socket any more
  bool aborted_ = false;
  std::jthread thread_;
};

}  // namespace weir::server
