// What a request to an upstream is allowed: where it goes, how long it may take, how often it is
// sent again, and who hears of its tries. A value; what it refers to outlives the fetch.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/fetch/hedge_rule.hpp"
#include "proxy/fetch/retry_rule.hpp"
#include "weir/base/grpc_status.hpp"
#include "weir/base/reason.hpp"
#include "weir/base/time.hpp"
#include "weir/http/transfer_clock.hpp"
#include "weir/http/try_record.hpp"
#include "weir/net/loop.hpp"
#include "weir/telemetry/upstream_metrics.hpp"
#include "weir/upstream/caller.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir {
class InformationalSink;
}

namespace weir::proxy {

class ReplayableBody;

// How long until the final head: from the request's head, all tries included, standing still while
// the client's content is waited for.
struct HeadTime {
  TimePoint start;
  Duration timeout{};              // zero: none
  Deadline clients = no_deadline;  // where the client set the end of all (grpc-timeout)

  Deadline until(TimePoint now, const TransferClock& clock) const noexcept {
    if (timeout == Duration::zero()) return clock.hard_deadline;
    return std::min(start + timeout + clock.client_wait(now), clock.hard_deadline);
  }
  // What a failure is called: a time that is up because the client would wait no longer says
  // nothing of the upstream.
  Reason named(Reason failure, TimePoint now, const TransferClock& clock) const noexcept {
    const bool is_clients = now >= clients && (timeout == Duration::zero() ||
                                               now < start + timeout + clock.client_wait(now));
    return failure == Reason::request_timeout && is_clients ? Reason::client_closed : failure;
  }
};

// Hears of the tries of one request.
class TryObserver {
 public:
  // A try begins at `endpoint`, or failed to connect to it: "" where there was no endpoint.
  virtual void try_begins(std::string_view endpoint, Duration queued, Duration connected) = 0;
  // The same for one that joins another try of the request, as its `number`th hedge.
  virtual void hedge_begins(std::string_view endpoint, Duration queued, Duration connected,
                            unsigned number) {
    static_cast<void>(number);
    try_begins(endpoint, queued, connected);
  }
  // One has ended, `again`: another follows. Whether try_ended() shall tell of it.
  virtual bool wants_record(bool again) const noexcept = 0;
  virtual void try_ended(const TryRecord& record, bool again) = 0;
  // What a call of gRPC came to, at the end of each try of one.
  virtual void grpc_ended(GrpcStatus status) = 0;
  // So long was waited for a connection, and no try came of it.
  virtual void waited(Duration queued) = 0;
  // Of tries that ran beside each other the one at `endpoint` has the answer.
  virtual void answers(std::string_view endpoint) { static_cast<void>(endpoint); }

 protected:
  ~TryObserver() = default;
};

struct FetchPlan {
  upstream::Cluster& cluster;
  telemetry::UpstreamMetrics& metrics;
  net::Loop& loop;  // the worker's
  unsigned worker;
  TransferClock& clock;
  upstream::Caller caller;  // its scope, which is not null, cancels the fetch
  HeadTime time;
  std::size_t header_size;           // bounds the answer's head, bytes
  unsigned most_repeats = 1;         // how often it is sent again (fetch/again.hpp), retries aside
  const RetryRule* retry = nullptr;  // null: no retries
  const HedgeRule* hedge = nullptr;  // null: no hedges
  bool failover = true;              // a connect that failed is tried elsewhere
  bool refuse_hopeless = false;  // no retry where too little time is left; somebody watches heads
  // clock.hard_deadline bounds the length of the answer: one that it cuts is no failure of the
  // upstream's.
  bool deadline_bounds_answer = false;
  InformationalSink* interim = nullptr;           // of the client; null: 1xx go nowhere
  std::span<const std::string> gateway_fields{};  // names no client may send, in trailers either
  std::string_view request_id{};                  // in the debug log
  ReplayableBody* content = nullptr;  // the request's, where another fetch may read it after this

  CancelScope& scope() const noexcept { return *caller.scope; }
};

}  // namespace weir::proxy
