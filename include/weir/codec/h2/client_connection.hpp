// An HTTP/2 connection to an upstream: one session that carries many exchanges at a time. It needs
// no task of its own: the stream's edges and a waiter drive it, so it can be destroyed at any time
// but from within its own calls to its owner. Worker thread only.
#pragma once

#include <cstddef>
#include <memory>

#include "weir/base/result.hpp"
#include "weir/base/task.hpp"
#include "weir/codec/client_exchange.hpp"
#include "weir/net/stream.hpp"

namespace weir::codec::h2 {

struct ClientOptions {
  bool tls = false;             // what :scheme says
  std::size_t header_size = 0;  // of an answer, as told to the upstream
  // Silence with open streams: after `ping_interval` a PING is sent, and without a byte for another
  // `ping_timeout` the connection is dead.
  Duration ping_interval = std::chrono::seconds(30);
  Duration ping_timeout = std::chrono::seconds(10);
};

class ClientConnection {
 public:
  class Owner {
   public:
    // It takes more requests now, or fewer, or none ever again. Must not destroy it.
    virtual void connection_changed(ClientConnection& connection) noexcept = 0;

   protected:
    ~Owner() = default;
  };

  virtual ~ClientConnection() = default;

  // Returns when the upstream's SETTINGS have come: upstream_bad_response for something else,
  // upstream_reset for nothing, upstream_tls_failed for an alert, connect_timeout.
  virtual Task<Result<>> ready(Deadline until) = 0;
  // Of whoever may hear of changes; null for nobody.
  virtual void set_owner(Owner* owner) noexcept = 0;

  // Streams that the upstream takes at a time; 0 once it has said that it takes no more.
  virtual std::size_t limit() const noexcept = 0;
  // Those given up that the upstream has not been told of yet: they still count.
  virtual std::size_t orphans() const noexcept = 0;
  // WebSocket can go over it (RFC 8441). REQUIRES: ready.
  virtual bool offers_extended_connect() const noexcept = 0;
  // No request begins any more: a GOAWAY came, or the connection has ended.
  virtual bool ending() const noexcept = 0;
  virtual bool closed() const noexcept = 0;
  // It has refused a stream that it said it would take, and answered none since.
  virtual bool refusing() const noexcept = 0;

  // The way of one more request, within limit(). `clock`, `scope`, which says why it was
  // cancelled, and `owner` outlive it; it may outlive
  // the connection. REQUIRES: not closed().
  virtual std::unique_ptr<ClientExchange> begin(TransferClock& clock, const CancelScope& scope,
                                                ClientExchange::Owner& owner, Method method,
                                                std::size_t header_size) = 0;
  // Says goodbye and closes; what is in flight fails.
  virtual void close() noexcept = 0;
};

// Takes over a connected stream, and sends the preface.
std::unique_ptr<ClientConnection> make_client_connection(std::unique_ptr<net::Stream> stream,
                                                         const ClientOptions& options);

}  // namespace weir::codec::h2
