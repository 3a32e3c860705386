// One address of an upstream: what the whole process knows of it. Found again by upstream and
// address after a reload; owned by the states of its Cluster that list it and, until their leases
// are gone, by the workers. Counters are atomics; a slot is touched by its worker only.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "weir/base/ip.hpp"
#include "weir/control/connect_backoff.hpp"
#include "weir/control/endpoint_health.hpp"
#include "weir/control/health_state.hpp"
#include "weir/control/outlier_detector.hpp"
#include "weir/control/peak_ewma.hpp"
#include "weir/control/reported_weight.hpp"
#include "weir/telemetry/cells.hpp"
#include "weir/upstream/connect_probe.hpp"
#include "weir/upstream/connection_pool.hpp"
#include "weir/upstream/endpoint_limit.hpp"
#include "weir/upstream/session_pool.hpp"

namespace weir::upstream {

// As an operator sets it. Neither drain nor down takes new requests.
enum class EndpointState : std::uint8_t { ready, drain, down };

class Endpoint : public std::enable_shared_from_this<Endpoint> {
 public:
  // `annex` is what the creator of the Registry hangs on each endpoint (metric handles).
  Endpoint(std::string address, SocketAddress socket_address, unsigned workers,
           std::shared_ptr<void> annex);

  // Never used again for another endpoint of this process.
  std::uint64_t id() const noexcept { return id_; }
  // As configured, or "ip:port" of one that came from a name.
  const std::string& address() const noexcept { return address_; }
  const SocketAddress& socket_address() const noexcept { return socket_address_; }

  // What RegistryHooks::endpoint_added returned.
  template <class T>
  T* annex() const noexcept {
    return static_cast<T*>(annex_.get());
  }

  // --- any thread
  EndpointState state() const noexcept { return state_.load(std::memory_order_relaxed); }
  std::uint32_t weight() const noexcept { return weight_.load(std::memory_order_relaxed); }
  std::uint32_t priority() const noexcept { return priority_.load(std::memory_order_relaxed); }
  // Since when it is new or back (listed, in by its health, taken back by an operator, reachable
  // again), for slow_start; the epoch if it always was there.
  TimePoint in_use_since() const noexcept {
    return std::max(TimePoint(Duration(back_since_.load(std::memory_order_relaxed))),
                    health_.since());
  }
  // Some name lists it: whoever looks that up wants to know of connects that fail.
  bool is_of_name() const noexcept { return of_name_.load(std::memory_order_relaxed); }
  // Requests, those still connecting included.
  std::uint64_t in_flight() const noexcept { return in_flight_.load(std::memory_order_relaxed); }
  // Whether its last connect failed, and how long it is the last choice for that.
  const control::ConnectBackoff& backoff() const noexcept { return backoff_; }
  // Whether checks and errors leave it in use.
  const control::EndpointHealth& health() const noexcept { return health_; }
  // Its weight by what its answers say of its load, with weights reported. report() where it says
  // so.
  control::ReportedWeight& load() noexcept { return load_; }
  const control::ReportedWeight& load() const noexcept { return load_; }
  // Its own limit, which follows what is measured; null where it never had one.
  EndpointLimit* measured_limit() const noexcept { return limit_.load(std::memory_order_acquire); }
  std::uint64_t tunnels() const noexcept { return tunnels_.load(std::memory_order_relaxed); }
  // Connections that wait, and those in use (tunnels included).
  std::uint64_t idle_connections() const noexcept;
  std::uint64_t active_connections() const noexcept;

 private:
  friend class Cluster;
  friend class Lease;
  friend class WorkerChoice;
  friend class WorkerView;

  struct alignas(64) Slot {
    ConnectionPool idle;
    std::unique_ptr<SessionPool> sessions;  // HTTP/2's, once there was one
    std::unique_ptr<ConnectProbe> probe;    // once there was one
    std::atomic<std::uint32_t> active{
        0};  // of HTTP/1; written by the worker alone, as what follows
    std::atomic<std::uint32_t> sessions_idle{0};
    std::atomic<std::uint32_t> sessions_active{0};
    std::uint32_t leases = 0;      // leases of this worker that name the endpoint
    bool detached = false;         // no longer in the worker's list
    bool in_use = false;           // requests of the worker may go there
    control::PeakLatency latency;  // with policy peak_ewma
    bool http1 = false;            // with protocol auto: what the last connection spoke
    // Of its zone: leases; null where the upstream has no zones. Held by the state of the worker.
    telemetry::Counter* zone_requests = nullptr;

    // Closes what carries nothing.
    void clear() noexcept {
      idle.clear();
      if (sessions) sessions->clear();
      if (probe) probe->give_up();
    }
  };
  Slot& slot(unsigned worker) const noexcept { return slots_[worker]; }

  void is_back(TimePoint now) noexcept {
    back_since_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }
  // It has a limit that follows what is measured from now on. One thread at a time.
  void follow(const EndpointLimit::Policy& policy, TimePoint now);
  bool take_permit(std::uint64_t limit) noexcept { return take(in_flight_, limit); }
  void drop_permit() noexcept { in_flight_.fetch_sub(1); }
  bool take_tunnel(std::uint64_t limit) noexcept { return take(tunnels_, limit); }
  void drop_tunnel() noexcept { tunnels_.fetch_sub(1, std::memory_order_relaxed); }
  static bool take(std::atomic<std::uint64_t>& count, std::uint64_t limit) noexcept;

  const std::uint64_t id_;
  const std::string address_;
  const SocketAddress socket_address_;
  const unsigned workers_;
  const std::shared_ptr<void> annex_;
  std::atomic<EndpointState> state_{EndpointState::ready};
  std::atomic<std::uint32_t> weight_{0};
  std::atomic<std::uint32_t> priority_{0};
  std::atomic<Duration::rep> back_since_{0};
  control::ConnectBackoff backoff_;
  control::EndpointHealth health_;
  control::ReportedWeight load_;
  // Of whoever judges the endpoint, which no request sees: guarded by the Cluster's health_mutex_,
  // the counts of the record aside.
  control::HealthState checks_;
  mutable control::OutlierRecord outlier_;
  std::atomic<bool> of_name_{false};
  std::atomic<Duration::rep> failure_told_{};  // when RegistryHooks::connect_failed was, last
  std::uint32_t configured_weight_ = 0;        // guarded by the Cluster's mutex
  // Once there was a policy for it; never taken away, since workers may look.
  std::unique_ptr<EndpointLimit> limit_owner_;
  std::atomic<EndpointLimit*> limit_{nullptr};
  alignas(64) std::atomic<std::uint64_t> in_flight_{0};
  std::atomic<std::uint64_t> tunnels_{0};
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace weir::upstream
