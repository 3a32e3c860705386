// The right to use one connection of an endpoint for one request: a permit of the endpoint and the
// connection itself, or a place on one that many share. Move-only, worker thread only. Its Cluster
// is kept alive by who acquired it (the Snapshot that the exchange pins); after into_tunnel() by
// the lease itself. The endpoint lives as long as the lease, also after give_back().
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "weir/base/time.hpp"
#include "weir/codec/client_exchange.hpp"
#include "weir/upstream/client_place.hpp"
#include "weir/upstream/endpoint.hpp"

namespace weir::upstream {

class Cluster;

class Lease {
 public:
  // Leases are made by those who take permits.
  class Maker {
    friend class Cluster;
    friend class WorkerView;
    Maker() = default;
  };
  // Takes over a permit.
  Lease(Maker, Cluster& cluster, Endpoint& endpoint, unsigned worker) noexcept
      : cluster_(&cluster), endpoint_(&endpoint), worker_(worker) {
    Endpoint::Slot& slot = endpoint.slot(worker);
    ++slot.leases;
    if (slot.zone_requests != nullptr) slot.zone_requests->add();
  }
  Lease(Lease&& other) noexcept
      : queue_time(other.queue_time),
        connect_time(other.connect_time),
        cluster_(std::exchange(other.cluster_, nullptr)),
        endpoint_(std::exchange(other.endpoint_, nullptr)),
        connection_(std::move(other.connection_)),
        session_(std::exchange(other.session_, nullptr)),
        worker_(other.worker_),
        reused_(other.reused_),
        holds_(std::exchange(other.holds_, Holds::nothing)),
        cells_(std::exchange(other.cells_, {})),
        place_(std::move(other.place_)),
        tunnel_pin_(std::move(other.tunnel_pin_)) {}
  Lease& operator=(Lease&& other) noexcept;
  // Without give_back(): closes the connection and returns the permit.
  ~Lease() {
    if (cluster_ != nullptr) end();
  }

  Endpoint& endpoint() const noexcept { return *endpoint_; }
  // The request's way on the connection; `clock`, `scope`, which says why it was cancelled, and
  // `owner` outlive it, and the lease as well.
  // `header_size` bounds the answer's head. REQUIRES: not given back, called once.
  std::unique_ptr<codec::ClientExchange> begin(TransferClock& clock, const CancelScope& scope,
                                               codec::ClientExchange::Owner& owner, Method method,
                                               std::size_t header_size);
  // The bytes of an HTTP/1 connection. REQUIRES: not given back.
  net::Stream& stream() const noexcept { return connection_->stream(); }
  // Other requests are on the connection, too.
  bool shared() const noexcept { return session_ != nullptr; }
  // It is on HTTP/2 that carries no WebSocket.
  bool carries_no_tunnel() const noexcept {
    return session_ != nullptr && !session_->connection->offers_extended_connect();
  }
  // What its answers say of the endpoint's load is wanted.
  bool reads_load() const noexcept;
  // Tells the debug log that the request goes to this endpoint, on this connection.
  void tell_chosen(std::string_view request_id) const noexcept;
  // The connection has carried a request before; it may have been closed by the peer meanwhile.
  bool reused() const noexcept { return reused_; }

  Duration queue_time{};    // waited for a permit
  Duration connect_time{};  // zero when reused

  // The answer was read to its end and the connection may carry another request: returns
  // connection and permit. Idempotent; after it stream() is gone. Of a tunnel: nothing.
  void give_back() noexcept;
  // After a 101: exchanges the permit for a place among the endpoint's tunnels and pins the
  // cluster, so that the Snapshot may go. False, and nothing changed, when all places are taken.
  bool into_tunnel();

 private:
  friend class Cluster;
  friend class WorkerView;
  enum class Holds : std::uint8_t { nothing, permit, tunnel };

  // Counts the permit for `client`, which may not be valid: unknown. REQUIRES: it holds no place.
  void hold_for(const IpAddress& client, ClientPlace&& place) noexcept {
    if (place) place_ = std::move(place);
    if (client.valid()) count_for(client);
  }
  ClientPlace hand_back_place() noexcept { return std::move(place_); }
  void count_for(const IpAddress& client) noexcept;
  // Where the client has half of the permits.
  void warn_of_share(const IpAddress& client) const noexcept;
  // The permit is no longer held, and the client no longer counted.
  void leave_permit() noexcept;
  void set_connection(std::unique_ptr<Connection>&& connection, bool reused) noexcept {
    connection_ = std::move(connection);
    reused_ = reused;
    std::atomic<std::uint32_t>& active = endpoint_->slot(worker_).active;
    active.store(active.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  // Takes over a place.
  void set_session(PooledSession& session) noexcept;
  void leave_session() noexcept {
    if (session_ != nullptr) give_session_back();
  }
  void give_session_back() noexcept;
  std::unique_ptr<Connection> take_connection() noexcept;
  std::uint64_t connection_id() const noexcept {
    return session_ != nullptr ? session_->id : connection_->stream().id();
  }
  void end() noexcept;

  Cluster* cluster_;
  Endpoint* endpoint_;
  std::unique_ptr<Connection> connection_;  // of HTTP/1, or
  PooledSession* session_ = nullptr;        // a place on one of HTTP/2
  unsigned worker_;
  bool reused_ = false;
  Holds holds_ = Holds::permit;
  ClientCells cells_;
  ClientPlace place_;
  std::shared_ptr<Cluster> tunnel_pin_;
};

}  // namespace weir::upstream
