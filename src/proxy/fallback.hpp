// What a route does where its upstream fails: for which failures it does it, whether a request can
// still be asked or answered a second time, and where it is told. The forwarder asks the other
// upstream itself. Worker thread; one Fallback a route of a snapshot, shared by all workers.
#pragma once

#include <bitset>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/replayable_body.hpp"
#include "weir/config/model.hpp"
#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/http/handler.hpp"
#include "weir/telemetry/policy_metrics.hpp"

namespace weir::proxy {

class Fallback {
 public:
  // `route`, which has `fallback`, outlives it.
  Fallback(const config::Route& route, std::shared_ptr<telemetry::FallbackMetrics> metrics);

  bool answers_for(Reason failure) const noexcept {
    return conditions_.test(static_cast<std::size_t>(failure));
  }
  // Null where an upstream is asked.
  Handler* fixed_answer() const noexcept { return fixed_.get(); }
  const config::Route& route() const noexcept { return route_; }
  void count(unsigned worker, Reason failure) noexcept {
    metrics_->shard(worker).taken[static_cast<std::size_t>(failure)].add();
  }

 private:
  const config::Route& route_;
  const std::shared_ptr<telemetry::FallbackMetrics> metrics_;
  std::bitset<reason_count> conditions_;
  std::unique_ptr<Handler> fixed_;
};

// One request of such a route, from before it is prepared for its first upstream to the answer's
// head. All that it is made of outlives it.
class FallbackTurn {
 public:
  // Keeps the content from now on, where an upstream may be asked.
  FallbackTurn(Fallback& of, Request& request, Exchange& exchange);
  FallbackTurn(const FallbackTurn&) = delete;
  FallbackTurn& operator=(const FallbackTurn&) = delete;

  // The request's content, which is kept; null: there is none, or a fixed answer does without.
  ReplayableBody* content() const noexcept { return content_; }
  // Whether the first upstream may be asked though no endpoint of it is healthy. `is_handshake`: of
  // a WebSocket.
  bool may_panic(bool is_handshake) const noexcept;
  // Whether `failed`, which is all that the first upstream came to, is answered by the fallback. If
  // so, the request is as it has to be for it, and the exchange and the metrics are told; if not,
  // its content is not kept any more. Once.
  bool begins(const Response& failed);
  // After begins(): the fallback's answer is here. It says what it stands for, unless it is a
  // failure with a reason of its own; the request is as it was forwarded.
  void end(Response& answer);

 private:
  bool is_possible() const noexcept;

  Fallback& of_;
  Request& request_;
  Exchange& exchange_;
  ReplayableBody* content_ = nullptr;
  // The client's, while a fixed answer is made the forwarded one: a rewrite is not to be seen
  // there.
  std::string_view path_;
  const bool has_authority_;  // otherwise an endpoint stands in for the Host, each for itself
  std::string proxy_status_;  // of the failure
};

}  // namespace weir::proxy
