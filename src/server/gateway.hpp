// A worker's handler of all requests: pins the snapshot, judges what the peer says, finds the
// route, runs its chain, and tells log and metrics at the end. That worker's thread only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/local_ptr.hpp"
#include "weir/http/handler.hpp"
#include "weir/server/process.hpp"
#include "weir/server/snapshot.hpp"

namespace weir::server {

// A worker's reference to a snapshot, which its requests share.
struct PinnedSnapshot final : LocallyShared {
  explicit PinnedSnapshot(std::shared_ptr<const Snapshot> of) noexcept : shared(std::move(of)) {}
  const std::shared_ptr<const Snapshot> shared;
};

// What the end of a tunnel needs of the snapshot that it began under.
struct TunnelRecord final : LocallyShared {
  TunnelRecord(std::shared_ptr<telemetry::RouteMetrics> route_metrics,
               std::shared_ptr<telemetry::UpstreamMetrics> upstream_metrics,
               const telemetry::AccessPolicy& policy, bool is_logged,
               std::shared_ptr<const tracing::Policy> trace_policy) noexcept
      : route(std::move(route_metrics)),
        upstream(std::move(upstream_metrics)),
        access(policy),
        logged(is_logged),
        tracing(std::move(trace_policy)) {}
  const std::shared_ptr<telemetry::RouteMetrics> route;
  const std::shared_ptr<telemetry::UpstreamMetrics> upstream;  // the try counts its end there
  const telemetry::AccessPolicy access;
  const bool logged;
  const std::shared_ptr<const tracing::Policy> tracing;  // null: it is not traced
};

class Gateway final : public ServerHandler {
 public:
  Gateway(unsigned worker, Process& process)
      : worker_(worker),
        process_(process),
        unrouted_(process.unrouted->shard(worker)),
        traffic_(process.traffic.shard(worker)) {}

  // New requests see this one from now on. Those that still come on connections of a listener that
  // it does not have go on with the last one that had it.
  void adopt(std::shared_ptr<const Snapshot> snapshot);
  // A listener's requests may come from now on. REQUIRES: adopt() was called; nobody has the
  // number.
  void add_listener(unsigned number, std::string_view name);
  // None of its connections is left.
  void remove_listener(unsigned number) noexcept;

  // Of the newest snapshot.
  const std::vector<Cidr>& trusted_proxies() const noexcept {
    return current_->shared->config().trusted_proxies;
  }

  Task<Response> handle(Request& request, Exchange& exchange) override;
  Response refuse(const Error& error, Exchange& exchange) override;
  void completed(const Request& request, Exchange& exchange,
                 const Outcome& outcome) noexcept override;

 private:
  // What the requests of a listener's connections see.
  struct Served {
    std::string name;  // "": nobody has the number
    LocalPtr<PinnedSnapshot> snapshot;
    unsigned index = no_listener;  // among the snapshot's listeners
  };
  // Of a listener whose number was given before its configuration was there: conditions of routes
  // that name listeners do not hold.
  static constexpr unsigned no_listener = ~0U;

  void serve(Served& served) const;
  // The route's chain and handler, or an answer of ours when there is none.
  const CompiledRoute* route(Request& request, Exchange& exchange, const Snapshot& snapshot,
                             unsigned listener, std::unique_ptr<Response>& refusal);
  Response answer(Reason reason, std::string_view detail, const Exchange& exchange) const;
  // Sets the trace of a request: of one that is traced, if `route` (null: none) lets it.
  static void begin_trace(RequestHead& head, Exchange& exchange, const tracing::Policy& policy,
                          const CompiledRoute* route);
  void forgive_raw_target(const Exchange& exchange);
  void enter_tunnel(RequestHead& request, ResponseHead& response, Exchange& exchange,
                    const CompiledRoute& route);
  void finish(Response& response, Exchange& exchange, const Snapshot& snapshot) const;
  // For an exchange whose request was not read.
  void begin_unread(Exchange& exchange);

  unsigned worker_;
  Process& process_;
  telemetry::RouteShard& unrouted_;
  telemetry::TrafficShard& traffic_;
  LocalPtr<PinnedSnapshot> current_;
  std::vector<Served> served_;  // by the listener's number
};

}  // namespace weir::server
