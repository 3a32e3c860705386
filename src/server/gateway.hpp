// A worker's handler of all requests: pins the snapshot, judges what the peer says, finds the
// route, runs its chain, and tells log and metrics at the end. That worker's thread only.
#pragma once

#include <memory>
#include <string_view>

#include "weir/http/handler.hpp"
#include "weir/server/process.hpp"
#include "weir/server/snapshot.hpp"

namespace weir::server {

// A worker's hold on a snapshot: pinned by a plain count.
struct PinnedSnapshot {
  std::shared_ptr<const Snapshot> shared;
  unsigned pins = 0;
};

class Gateway final : public ServerHandler {
 public:
  Gateway(unsigned worker, Process& process)
      : worker_(worker),
        process_(process),
        unrouted_(process.unrouted->shard(worker)),
        traffic_(process.traffic.shard(worker)) {}
  ~Gateway() override;

  // New requests see this one from now on.
  void adopt(std::shared_ptr<const Snapshot> snapshot);

  // Of the newest snapshot.
  const std::vector<Cidr>& trusted_proxies() const noexcept {
    return current_->shared->config().trusted_proxies;
  }

  Task<Response> handle(Request& request, Exchange& exchange) override;
  Response refuse(const Error& error, Exchange& exchange) override;
  void completed(const Request& request, Exchange& exchange,
                 const Outcome& outcome) noexcept override;

 private:
  // The route's chain and handler, or an answer of ours when there is none.
  const CompiledRoute* route(Request& request, Exchange& exchange, const Snapshot& snapshot,
                             std::unique_ptr<Response>& refusal);
  Response answer(Reason reason, std::string_view detail, const Exchange& exchange) const;
  void forgive_raw_target(const Exchange& exchange);
  void finish(Response& response, Exchange& exchange, const Snapshot& snapshot) const;
  // For an exchange whose request was not read.
  void begin_unread(Exchange& exchange);
  void pin(Exchange& exchange);
  void unpin(PinnedSnapshot* pinned) noexcept;

  unsigned worker_;
  Process& process_;
  telemetry::RouteShard& unrouted_;
  telemetry::TrafficShard& traffic_;
  PinnedSnapshot* current_ = nullptr;
};

}  // namespace weir::server
