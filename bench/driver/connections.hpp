// The driver's connections to its target, of which there is a bounded number: HTTP/1.1 ones with
// one request at a time, which are made when a request finds none free, or HTTP/2 ones with many.
// The loop's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "driver/options.hpp"
#include "weir/codec/client_exchange.hpp"
#include "weir/codec/h2/client_connection.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/stream.hpp"
#include "weir/net/task_group.hpp"

namespace weir::bench {

class Connection {
 public:
  explicit Connection(std::unique_ptr<net::Stream> stream) : stream_(std::move(stream)) {}
  explicit Connection(std::unique_ptr<codec::h2::ClientConnection> session)
      : session_(std::move(session)) {}

  // The arguments outlive the exchange, and so does the connection.
  std::unique_ptr<codec::ClientExchange> begin(TransferClock& clock, const CancelScope& scope,
                                               codec::ClientExchange::Owner& owner, Method method);

 private:
  friend class Connections;
  std::unique_ptr<net::Stream> stream_;                   // HTTP/1.1
  std::unique_ptr<codec::h2::ClientConnection> session_;  // HTTP/2
  std::size_t busy_ = 0;                                  // requests
  std::size_t index_ = 0;                                 // among all
};

class Connections {
 public:
  class Owner {
   public:
    // How many requests wait for a place on a connection.
    virtual std::size_t waiting() const noexcept = 0;
    // take() has something to give.
    virtual void place_free() noexcept = 0;
    // One connect came to nothing.
    virtual void connect_failed(const Error& why) noexcept = 0;

   protected:
    ~Owner() = default;
  };

  struct Figures {
    std::uint64_t opened = 0;
    std::uint64_t failed = 0;
    std::size_t most_open = 0;
  };

  // `target` and `owner` outlive it. At most `most` connections, each with `places` requests at a
  // time, or as many as an HTTP/2 target takes. A connect may take `timeout`.
  Connections(net::Loop& loop, const Target& target, std::size_t most, std::size_t places,
              Duration timeout, Owner& owner);

  // HTTP/2: makes all of them, so that they spread over the target's workers. Those that fail are
  // tried again when requests wait. Returns when each has come to an end.
  Task<> open_all();
  // One with a place, which is the caller's now; null: none has one.
  Connection* take() noexcept;
  // There are connects, and not one has succeeded.
  bool only_connecting() const noexcept { return all_.empty() && under_way_ != 0; }
  // Begins to connect, where more requests wait than connects under way will serve.
  void want() noexcept;
  // `reusable`: HTTP/1.1, it can carry another request.
  void give_back(Connection& connection, bool reusable) noexcept;
  // Returns when no connect is under way, each of which ends in time, and closes all.
  // REQUIRES: every place was given back.
  Task<> close();

  const Figures& figures() const noexcept { return figures_; }

 private:
  Task<> connect();
  Task<Result<>> connect_to(Deadline until, std::unique_ptr<Connection>& out);
  Connection* take_session() noexcept;
  void add(std::unique_ptr<Connection> connection);
  void remove(Connection& connection) noexcept;

  net::Loop& loop_;
  const Target& target_;
  const std::size_t most_;
  const std::size_t places_;
  const Duration timeout_;
  Owner& owner_;
  net::TaskGroup connecting_;
  std::vector<std::unique_ptr<Connection>> all_;
  std::vector<Connection*> idle_;  // HTTP/1.1; the last one was used last
  std::size_t next_ = 0;           // HTTP/2: where to look first
  std::size_t under_way_ = 0;      // connects
  bool wanting_ = false;
  bool closing_ = false;
  Figures figures_;
};

}  // namespace weir::bench
