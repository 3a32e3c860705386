// The endpoints behind one upstream name and who may use them: choice, permits, the bounded wait.
// Lives as long as the process knows the name (Registry) or a Snapshot or a tunnel pins it; its
// configuration is swapped under it by a reload. Each function says which thread may call it.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "weir/base/result.hpp"
#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/config/endpoints_file.hpp"
#include "weir/config/model.hpp"
#include "weir/control/circuit_breaker.hpp"
#include "weir/control/latency_window.hpp"
#include "weir/control/probe_turn.hpp"
#include "weir/control/retry_budget.hpp"
#include "weir/net/file_refusals.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/tls_client.hpp"
#include "weir/telemetry/upstream_metrics.hpp"
#include "weir/upstream/caller.hpp"
#include "weir/upstream/endpoint.hpp"
#include "weir/upstream/lease.hpp"
#include "weir/upstream/membership.hpp"
#include "weir/upstream/tried.hpp"
#include "weir/upstream/try_outcome.hpp"

namespace weir::upstream {

struct CheckResult;
class ClientShares;
class Cluster;
class HealthWatch;
class WorkerView;

inline constexpr std::size_t most_workers = 1024;  // of a process

// Told by the thread that changes a cluster; must not call the cluster. Either may be empty.
struct RegistryHooks {
  // Returns the endpoint's annex. Called again, for nothing but to say so, when an address comes
  // back while leases still keep its endpoint.
  std::function<std::shared_ptr<void>(std::string_view upstream, std::string_view address)>
      endpoint_added;
  // The endpoint is no longer listed: its series may be retired.
  std::function<void(std::string_view upstream, std::string_view address)> endpoint_gone;
  // The circuit breaker of an upstream changed its state.
  std::function<void(std::string_view upstream, const control::BreakerChange& change)>
      breaker_changed{};
  // It begins or ends to shed a share of the calls.
  std::function<void(std::string_view upstream, const control::JointShedChange& change)>
      shed_changed{};
  // The endpoints of a cluster, how they are used, or its settings changed. Any thread, a worker's
  // included.
  std::function<void(const std::shared_ptr<Cluster>& cluster)> cluster_changed{};
  // A connect to an endpoint that a name lists has failed; a few times a second for each endpoint
  // at most. Told by a worker.
  std::function<void(std::string_view upstream, std::string_view address)> connect_failed{};
  // Where the requests to a zone of an upstream are counted, "" the zone of endpoints without one;
  // asked only of upstreams with zones.
  std::function<std::shared_ptr<telemetry::ZoneMetrics>(std::string_view upstream,
                                                        std::string_view zone)>
      zone_added{};
};

// What makes the weight of an endpoint that is in force, slow_start aside.
enum class WeightSource : std::uint8_t {
  configured,  // the file, or an operator
  reported,    // what it says of its load
  mean,        // the mean of those that say something, of its priority
};
std::string_view name(WeightSource source) noexcept;

// Where the requests go, for GET /upstreams.
struct EndpointInfo {
  std::string address;
  EndpointState state = EndpointState::ready;
  std::uint32_t weight = 1;
  std::uint32_t configured_weight = 1;  // the file's
  std::uint32_t priority = 0;
  double effective_weight = 0;  // as it counts now; 0: no requests go there
  WeightSource weight_source = WeightSource::configured;
  std::string weight_why{};  // with weights reported: what of its reports counts
  std::string zone{};
  std::uint64_t in_flight = 0;
  std::uint64_t limit = 0;  // of in_flight, at this moment
  std::uint64_t tunnels = 0;
  std::uint64_t idle_connections = 0;
  std::uint64_t active_connections = 0;
  // Its last connect failed: it is the last choice until one succeeds.
  std::optional<control::ConnectBackoff::Failure> failure;
  control::Verdict checks = control::Verdict::unknown;  // of its active checks
  std::string unhealthy;                                // why its checks fail, "" if they do not
  std::optional<control::EjectionView> ejection;
  std::string not_ejected;  // why it is in use though its requests fail, "" if they do not
  std::shared_ptr<const Endpoint> endpoint;
  std::vector<std::string> sources;  // as in Membership::Listed

  bool healthy() const noexcept {
    return state == EndpointState::ready && !failure && unhealthy.empty() && !ejection;
  }
  // Whether an operator has set something else than the file.
  bool is_overridden() const noexcept {
    return state != EndpointState::ready || weight != configured_weight;
  }
};
struct ZoneInfo {
  std::string zone;  // "": of endpoints without one
  bool local = false;
  std::size_t endpoints = 0;
  std::size_t in_use = 0;  // of these
  double share = 0;        // of the requests, 0..1, as far as weights decide
};
struct ClusterInfo {
  std::string name;
  std::vector<EndpointInfo> endpoints;
  std::vector<std::string> unresolved;  // names without an address yet
  std::uint64_t pending = 0;            // requests waiting for a permit
  std::uint64_t most_pending = 0;
  config::PoolOrder order = config::PoolOrder::fifo;
  bool newest_first = false;        // on some worker the newest go first, by `order`
  std::optional<config::Key> fair;  // by which callers take turns
  config::ConcurrencyPolicy concurrency = config::ConcurrencyPolicy::off;
  double saturation = 0;  // 0..1: the fuller of permits and places to wait
  bool has_checks = false;
  std::uint64_t checks_passed = 0;
  std::uint64_t checks_failed = 0;
  bool has_outlier_detection = false;
  std::array<std::uint64_t, control::ejection_cause_count> ejections{};  // by cause
  config::LoadBalancing policy = config::LoadBalancing::round_robin;
  bool panic = false;  // some priority has so few healthy endpoints that their health is ignored
  config::BalancerWeights weights = config::BalancerWeights::configured;
  bool zone_aware = false;
  std::vector<ZoneInfo> zones;  // by name; empty where no endpoint has one
};

// What the upstream's TLS needs, null without; fails with what is wrong with its files. Blocks.
std::expected<std::shared_ptr<net::TlsClient>, std::vector<config::Problem>> open_tls(
    const config::Upstream& upstream);

class Cluster : public std::enable_shared_from_this<Cluster> {
 public:
  // `workers` outlive the cluster's use. Made by Registry, or by tests.
  Cluster(const config::Upstream& upstream, std::vector<net::Loop*> workers, RegistryHooks hooks);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  const std::string& name() const noexcept { return name_; }
  // Asked before a lease is; any thread.
  control::CircuitBreaker& breaker() noexcept { return breaker_; }
  // Asked before a request is sent again for what its try came to; any thread.
  control::RetryBudget& retry_budget() noexcept { return retry_budget_; }
  // How long its answers' heads take, while somebody watches; any thread.
  control::LatencyWindow& heads() noexcept { return heads_; }

  // --- worker `worker`

  // A lease at once, when a permit is free and a connection idle; call it first, then acquire().
  // Without an allocation or a lock.
  // `caller` as in acquire().
  std::optional<Lease> try_acquire(unsigned worker, const Tried& tried, const Caller& caller = {});
  // Chooses among endpoints that are in use, not tried and below their limit, connects where no
  // connection is idle, and goes on to the next when that fails (`tried` records it, and says how
  // often); where there is no next, it tries the only one once more after 25 to 100 ms. With all
  // permits taken waits for one, in turn. Errors: no_healthy_endpoint, connect_failed,
  // connect_timeout (of the last endpoint), pool_full, request_timeout (`deadline`), and
  // what the caller's scope was cancelled for, side downstream. REQUIRES: the cluster is
  // pinned.
  Task<Result<Lease>> acquire(unsigned worker, Tried& tried, Deadline deadline, Caller caller);
  // What a try on `endpoint` came to, a connect that failed included; told once a try, when its
  // head came or when there is none.
  void tried(unsigned worker, const Endpoint& endpoint, const TryOutcome& outcome) noexcept {
    if (by_latency_.load(std::memory_order_relaxed) || outliers_.on() || heads_.watched())
        [[unlikely]]
      heed_try(worker, endpoint, outcome);
  }
  // Some endpoint that takes requests is not among `tried`.
  bool has_untried(unsigned worker, const Tried& tried, const Caller& caller);
  // At all endpoints that take requests.
  std::uint64_t requests_in_flight(unsigned worker);
  // Before the worker's loop ends: closes what is idle there, and keeps nothing from now on.
  void leave(unsigned worker) noexcept;

  // --- any thread but, for its cost, not on a request's way

  // New configuration of the same name. `found` as in Membership.
  //
  // An endpoint is its address: whatever lists it from now on, it keeps its connections and
  // permits, the memory of failed connects, its turn and what an operator set (weight, state); the
  // latter holds until the file changes it or nobody lists the endpoint. One that nobody lists any
  // more gets no further request; those in flight finish, and its idle connections are closed.
  void apply(const config::Upstream& upstream, const Addresses& found = {});
  // Main thread. Reads the certificates again when their files have become others, or when they
  // could not be taken last time; what is wrong is returned once, and the old ones stay. Idle
  // connections that were made with those are closed.
  std::vector<config::Problem> refresh_tls();
  // No longer named by a configuration: idle connections are closed, none is kept from now on;
  // exchanges that pin it still get leases. For good: the name coming back makes a new cluster.
  void retire();
  bool retired() const;
  // False when no endpoint has that address.
  bool set_endpoint(std::string_view address, std::optional<EndpointState> state,
                    std::optional<std::uint32_t> weight);
  // As the file has it again. False when no endpoint has that address.
  bool reset_endpoint(std::string_view address);
  ClusterInfo describe() const;
  // Those of the configuration and of its file, as that is now.
  std::vector<NamedEndpoint> named_endpoints() const;
  config::Upstream settings() const;
  // Its endpoints are names, and none has an address: the names. Empty otherwise.
  std::vector<std::string> waits_for() const;
  // What `source` lists from now on, as in Membership::set().
  void set_members(std::string_view source, std::vector<Member> members);
  // What its configuration lists from now on as `endpoints`; nothing else of it changes.
  void set_endpoints(std::vector<config::EndpointSpec> endpoints);
  // The same of the file of `endpoints_from`, as in Membership::set_listed(); false when nothing
  // changes by it.
  bool set_listed(const config::ListedEndpoints& listed, TimePoint read_at);
  // Ejects for shares of failures, and ends ejections, where it is time for that; returns when it
  // is the next time.
  Deadline keep_ejections(TimePoint now);
  // What a check of `endpoint` that began at `began` came to.
  void checked(Endpoint& endpoint, const CheckResult& result, TimePoint began, TimePoint now);
  // What its checks ask from now on, "" for nothing: with something else than before, what they
  // came to is forgotten.
  void check_asks(Endpoint& endpoint, std::string_view subject, TimePoint now);

 private:
  friend class HealthWatch;
  friend class Lease;
  friend class WorkerView;

  // What workers copy when the generation says that it changed.
  struct State {
    config::Upstream settings;
    std::vector<std::shared_ptr<Endpoint>> endpoints;
    bool retired = false;
    std::shared_ptr<net::TlsClient> tls;  // null: plain, or none could be made
    // What the certificate of an endpoint must be for, with tls.
    std::unordered_map<const Endpoint*, std::string> hosts;
    std::unordered_map<const Endpoint*, std::vector<std::string>> sources;
    // Of `endpoints`, in their order; both empty where none has a zone.
    std::vector<std::string> zones;
    std::vector<std::shared_ptr<telemetry::ZoneMetrics>> zone_counts;  // null: not counted
    // Of IPv4 endpoints those of IPv6 that come first: of the same host and port.
    using Firsts = std::shared_ptr<const std::vector<const Endpoint*>>;
    std::unordered_map<const Endpoint*, std::vector<Firsts>> firsts;
  };

  WorkerView& view(unsigned worker) const noexcept { return *views_[worker]; }
  ClientShares& clients() const noexcept { return *clients_; }
  // For those who look at what tries came to: the balancer, limits, hedges, the outlier detection.
  void heed_try(unsigned worker, const Endpoint& endpoint, const TryOutcome& outcome) noexcept;
  // A place for one more request of the caller's client; false when it has its share.
  bool take_client_place(const WorkerView& view, const Caller& caller, ClientPlace& place);
  std::shared_ptr<const State> state() const;
  // As State is now, for a change of some of it; under mutex_, as what follows.
  std::shared_ptr<State> next_state() const;
  using EndpointSet = std::unordered_set<const Endpoint*>;
  // `before`: who is in use now.
  std::shared_ptr<Endpoint> endpoint_for(const Membership::Listed& listed,
                                         const EndpointSet& before);
  std::shared_ptr<Endpoint> find(std::string_view address) const;
  void set_state(Endpoint& endpoint, EndpointState state) noexcept;
  static void note_families(State& state, std::span<const Membership::Listed> listed);
  void note_zones(State& state, std::span<const Membership::Listed> listed) const;
  void tell_failed_connect(Endpoint& endpoint, TimePoint now) noexcept;
  // With the endpoints of `members`; returns the addresses that are gone.
  std::vector<std::string> rebuild(std::shared_ptr<State> next, Membership members);
  // Makes the workers look at the new state, and tells of who is gone.
  void announce(std::span<const std::string> gone);

  // The same for endpoints that are in use or are not, by health. Any thread.
  void health_changed();
  // Endpoints that take requests as far as their operator is concerned.
  struct Rotation {
    std::vector<Endpoint*> endpoints;
    std::vector<control::OutlierPeer> peers;  // the same; those of the detector
  };
  // Under health_mutex_.
  static Rotation rotation(const State& state);
  void eject(const Endpoint& endpoint, TimePoint now);
  void describe_health(TimePoint now, const Endpoint& endpoint, EndpointInfo& out) const;

  // Workers among whose waiting requests nobody can use a permit.
  using Visited = std::bitset<most_workers>;
  // On worker `worker`, which owns a permit of `endpoint`: passes it to who has waited longest of
  // those who can use it, or drops it.
  void release_permit(Endpoint& endpoint, unsigned worker, const Visited* seen = nullptr) noexcept;
  bool hand_over(Endpoint& endpoint, unsigned worker, const Visited* seen) noexcept;
  // The worker whose turn it is: that where somebody has waited longest, or, where callers take
  // turns, each as often as it has callers. `worker` itself if there is no other.
  std::size_t longest_waiting(unsigned worker, TimePoint oldest_here,
                              const Visited* seen) const noexcept;
  std::size_t next_by_keys(unsigned worker, bool somebody_here, const Visited* seen) noexcept;
  // A place in the full queue for a caller who has fewer than others, whose last request goes.
  bool make_room(unsigned worker, const Caller& caller) noexcept;
  bool begin_waiting(std::uint64_t most) noexcept;
  Task<Result<Lease>> wait_for_permit(unsigned worker, const Tried& tried, Deadline deadline,
                                      const Caller& caller);
  // A moment before the only endpoint is tried again; false: there is no time for it, or it was
  // cut short.
  Task<bool> pause_before_last(const WorkerView& view, Deadline deadline, const Caller& caller);
  // What a new connection may turn out to speak.
  enum class Speak : std::uint8_t { as_agreed, http1 };
  class Trial;
  Task<Result<>> connect(Lease& lease, Speak speak, const Tried& tried, Deadline deadline,
                         const Caller& caller);
  Task<Result<>> open(Lease& lease, Speak speak, Trial& trial, const Tried& tried,
                      Deadline deadline, const Caller& caller);
  Task<Result<>> await_connect(net::Stream& stream, const Lease& lease, Trial& trial,
                               const Tried& tried, Deadline until, bool may_panic);
  // What a connect that began at `began` says of the endpoint; true when that is news.
  bool judge(Endpoint& endpoint, TimePoint began, TimePoint now, const Result<>& connected);
  // A connect to it failed before and now succeeded: its weight grows anew.
  void begin_slow_start(Endpoint& endpoint, TimePoint now) noexcept;
  // Which endpoints are the last choice may have changed: those who wait may be served.
  void standing_changed() noexcept;
  // A place on an HTTP/2 connection of the lease's endpoint: one that is there, a new one, or that
  // of somebody else in turn.
  Task<Result<>> take_place(Lease& lease, const Tried& tried, Deadline deadline,
                            const Caller& caller);
  // `made_under` as in Connection.
  Task<Result<>> await_session(Lease& lease, std::unique_ptr<net::Stream> stream,
                               std::uint64_t made_under, Deadline until, const Caller& caller);
  // The handshake, where the upstream has TLS.
  Task<Result<>> secure(net::Stream& stream, const Lease& lease, Speak speak, Deadline deadline);

  const std::string name_;
  const std::vector<net::Loop*> workers_;
  const RegistryHooks hooks_;
  control::CircuitBreaker breaker_;
  control::RetryBudget retry_budget_;
  control::LatencyWindow heads_;
  const std::unique_ptr<ClientShares> clients_;
  std::vector<std::unique_ptr<WorkerView>> views_;
  net::FileRefusals tls_refusals_;  // the main thread's, once constructed
  std::atomic<std::uint64_t> generation_{1};
  std::atomic<bool> in_service_{false};  // some worker has looked at it: who comes now is new
  // The balancer or the limit looks at what tries came to.
  std::atomic<bool> by_latency_{false};
  alignas(64) std::atomic<std::uint64_t> waiting_{0};  // in all workers' queues
  std::atomic<std::uint64_t> arrivals_{0};             // ever in one
  std::atomic<std::uint64_t> turns_{0};                // given to workers, where callers take turns
  control::ProbeTurn probe_turn_;                      // among the endpoints

  control::OutlierDetector outliers_;
  mutable std::mutex health_mutex_;  // taken inside mutex_, never the other way round
  std::uint64_t checks_passed_ = 0;  // guarded by health_mutex_, as what judges endpoints
  std::uint64_t checks_failed_ = 0;

  mutable std::mutex mutex_;
  std::shared_ptr<const State> state_;  // guarded by mutex_, as what follows
  std::unordered_map<std::string, std::weak_ptr<Endpoint>> known_;  // by ip:port or unix:PATH
  Membership members_;
};

}  // namespace weir::upstream
