// What one worker knows of a cluster: its copy of the state, the balancer, the queue of requests
// that wait for a permit. Owned by the Cluster; its worker's thread only, oldest() aside.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "upstream/pending_queue.hpp"
#include "upstream/worker_choice.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/timer_wheel.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::upstream {

class WorkerView final : private ConnectProbe::Owner, private net::Timer {
 public:
  WorkerView(Cluster& cluster, net::Loop& loop, unsigned worker);

  net::Loop& loop() const noexcept { return loop_; }
  // Valid until the next refresh().
  const config::Upstream& settings() const noexcept { return state_->settings; }
  // How many requests an endpoint may have at this moment.
  std::uint64_t limit_of(const Endpoint& endpoint) const noexcept {
    if (!measures_) [[likely]]
      return limit_;
    const EndpointLimit* const own = endpoint.measured_limit();
    return own != nullptr ? own->value() : limit_;
  }
  // The limits follow what is measured.
  bool measures() const noexcept { return measures_; }
  // Of all endpoints that take requests.
  std::uint64_t permits() const noexcept;
  // Requests at all of them.
  std::uint64_t in_flight() const noexcept;
  const Cluster::State& state() const noexcept { return *state_; }
  // Counts how often the upstream's TLS settings or certificates became others: a connection made
  // under those before carries no further request.
  std::uint64_t tls_changes() const noexcept { return tls_changes_; }
  // Connections that end are worth keeping.
  bool keeps() const noexcept { return !left_ && !state_->retired; }

  // Takes over what has changed since; a load and two comparisons when nothing has. Weights that
  // endpoints report, and what a zone can take, change at any time: those are looked at once a
  // second.
  void refresh() {
    if (cluster_.generation_.load(std::memory_order_acquire) != seen_ ||
        loop_.now() >= reweigh_at_) {
      take_over();
    }
  }
  // Where no request can fail for it: without memory the next refresh() takes the change over.
  void try_refresh() noexcept {
    try {
      refresh();
    } catch (const std::bad_alloc&) {
    }
  }

  // The balancer's choice among those below their limit and not tried; null for none. Those whose
  // connects fail are the last choice, and no tier's traffic stays with them while another tier has
  // others: null also when others have no permit left.
  Endpoint* pick(const Tried& tried, const Caller& caller) {
    Endpoint* const only = choice_.only();
    if (only == nullptr) return pick_among(tried, caller);
    // Who has nobody beside him is taken however he stands, and no turn moves.
    preferred_ = nullptr;
    return has_room(*only) && may_use(*only, tried, caller) ? only : nullptr;
  }
  // Not chosen as long as there is another: its connects fail, or one finds out whether they do.
  bool is_last_choice(const Endpoint& endpoint) const noexcept;
  // It is the IPv4 address of a name of which an IPv6 address takes requests.
  bool is_second_family(const Endpoint& endpoint) const noexcept;
  // Some endpoint other than `but` that is not the last choice has not been tried. `may_panic` as
  // the caller's.
  bool has_first_choice(const Tried& tried, const Endpoint& but, bool may_panic) const noexcept;
  // Connects to `endpoint` beside all requests, unless somebody else finds out whether it answers.
  void probe(Endpoint& endpoint) noexcept;
  // Whether it answers is known now, or no longer: those who wait here may be served.
  void standing_changed() noexcept;
  // What a try on `endpoint` came to.
  void tell_outcome(const Endpoint& endpoint, const TryOutcome& outcome) const noexcept {
    choice_.tried(endpoint, outcome, loop_.now());
  }
  // Keeps an HTTP/1 connection for the next request, or closes it.
  void keep(Endpoint& endpoint, std::unique_ptr<Connection> connection) noexcept;
  // The next pick() is `endpoint` if it can: its turn was taken and could not be used.
  void prefer(Endpoint& endpoint) noexcept { preferred_ = &endpoint; }
  // Some endpoint may be used, now or when a permit is free.
  bool any(const Tried& tried, const Caller& caller) const noexcept;
  bool usable(const Endpoint& endpoint) const noexcept;

  // Requests to it share connections: it speaks HTTP/2, as far as is known.
  bool multiplexes(const Endpoint& endpoint) const noexcept;
  // Its HTTP/2 connections of this worker.
  SessionPool& sessions(Endpoint& endpoint);

  bool has_pending() const noexcept { return !pending_.empty(); }
  // Gives the permit of `endpoint` to whose turn it is of those who can use it; false when there is
  // none.
  bool grant(Endpoint& endpoint) noexcept;
  // Since when that one has waited, max() when there is none.
  TimePoint oldest_for(const Endpoint& endpoint) const noexcept;
  // Gives whatever permits are free to those who wait.
  void serve_pending() noexcept;
  // Since when the first has waited, max() when nobody does; any thread.
  TimePoint oldest() const noexcept { return TimePoint(Duration(oldest_.load())); }
  // Who waits here where callers take turns, and how many callers these are; any thread.
  struct Crowd {
    std::uint32_t waiting = 0;
    std::uint32_t keys = 0;
  };
  Crowd crowd() const noexcept {
    const std::uint64_t word = crowd_.load(std::memory_order_relaxed);
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word)};
  }
  // The newest go first, as `order: adaptive` has it under overload; any thread.
  bool newest_first() const noexcept { return newest_first_.load(std::memory_order_relaxed); }
  // Requests here of the caller with that key.
  std::size_t waiting_of(std::uint64_t key) const noexcept { return pending_.waiting_of(key); }
  // Sends away the last request of the caller who has most here, if these are more than `most`.
  bool push_out(std::size_t most) noexcept;

  // The last lease of a detached endpoint is gone.
  void forget(const Endpoint& endpoint) noexcept;
  // Closes what is idle and keeps nothing from now on.
  void leave() noexcept;

 private:
  friend class Pending;
  friend class Cluster;
  static constexpr Duration reweigh_after = std::chrono::seconds(1);

  bool has_room(const Endpoint& endpoint) const noexcept {
    return endpoint.in_flight() < limit_of(endpoint);
  }
  static bool may_use(const Endpoint& endpoint, const Tried& tried, const Caller& caller) noexcept {
    return !tried.contains(endpoint) && (caller.may_panic || endpoint.health().in());
  }
  // pick() where there are several endpoints, or none.
  Endpoint* pick_among(const Tried& tried, const Caller& caller);
  void take_over();
  // Where requests to endpoints are counted by zone.
  void count_zones();
  // Weights have grown.
  void expire(TimePoint now) noexcept override;
  void tell_panic();
  // Whether a request that waits can use a permit of an endpoint.
  class CanUse;
  Pending* first_for(const Endpoint& endpoint) const noexcept;
  void probed(Endpoint& endpoint, std::unique_ptr<net::Stream> stream,
              const Error* failure) noexcept override;
  void configure(SessionPool& sessions) const noexcept;
  void enqueue(Pending& pending) noexcept;
  void dequeue(Pending& pending) noexcept;
  void publish_queue() noexcept;

  Cluster& cluster_;
  net::Loop& loop_;
  const unsigned worker_;
  std::uint64_t seen_ = 0;
  std::shared_ptr<const Cluster::State> state_;
  WorkerChoice choice_;
  std::vector<std::shared_ptr<Endpoint>> detached_;  // no longer listed, leases left
  std::uint64_t limit_ = 0;  // of each endpoint, or the highest that theirs may be
  bool measures_ = false;
  std::uint64_t tls_changes_ = 0;
  bool left_ = false;
  Deadline reweigh_at_ = no_deadline;  // when weights and zones are looked at again
  Endpoint* preferred_ = nullptr;
  bool told_panic_ = false;
  PendingQueue pending_;
  std::atomic<Duration::rep> oldest_{TimePoint::max().time_since_epoch().count()};
  std::atomic<std::uint64_t> crowd_{0};
  std::atomic<bool> newest_first_{false};
};

}  // namespace weir::upstream
