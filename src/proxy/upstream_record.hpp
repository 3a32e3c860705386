// What a try tells the upstream's metrics when it has ended. One a worker and upstream, that
// worker's thread only.
#pragma once

#include <memory>
#include <string_view>

#include "weir/base/reason.hpp"
#include "weir/base/result.hpp"
#include "weir/base/time.hpp"
#include "weir/config/model.hpp"
#include "weir/control/circuit_breaker.hpp"
#include "weir/telemetry/upstream_metrics.hpp"
#include "weir/upstream/endpoint.hpp"
#include "weir/upstream/lease.hpp"
#include "weir/upstream/tried.hpp"

namespace weir::proxy {

struct TryEnd {
  Reason failure = Reason::none;  // why there was no final head
  bool client_gone = false;
  bool answer_complete = false;
  bool out_of_time = false;  // ended in its content by the route's or the client's limit for all
  bool silent = false;       // ended in its content by stream_idle_timeout
  bool lost = false;         // another try of the request won: it says nothing of the endpoint
  int status = 0;            // of the final head, 0 if there was none
  Duration duration{};
};

// What a try says of its upstream, to a circuit breaker.
control::CallEnd call_end(const TryEnd& end) noexcept;
control::CallEnd call_end(Reason failure) noexcept;

// As the metrics count it.
TryResult result_of(const TryEnd& end) noexcept;

class UpstreamRecord {
 public:
  UpstreamRecord(telemetry::UpstreamMetrics& metrics, unsigned worker) noexcept
      : upstream_(metrics.upstream()), shard_(metrics.shard(worker)), worker_(worker) {}

  void leased(const upstream::Lease& lease);
  // `lost`: it was given up, as another try won.
  TryResult connect_failed(const upstream::ConnectFailure& failure, bool lost = false);
  void ended(const upstream::Endpoint& endpoint, const TryEnd& end);
  void retry(telemetry::RetryResult result) noexcept {
    shard_.retries[static_cast<std::size_t>(result)].add();
  }
  void hedge(telemetry::HedgeResult result) noexcept {
    shard_.hedges[static_cast<std::size_t>(result)].add();
  }
  telemetry::Gauge& kept_bytes() noexcept { return shard_.retry_body; }
  // A try without an answer, for the diagnostics: `error` says why; of a `reused` connection that
  // was closed it is usual.
  void failed(TimePoint now, const upstream::Endpoint& endpoint, const Error& error,
              bool reused) const noexcept;
  // An answer that was cut in its content.
  void cut(TimePoint now, const upstream::Endpoint& endpoint) const noexcept;
  // Which faults of an answer were forgiven, if any.
  void forgiven(TimePoint now, const upstream::Endpoint& endpoint,
                config::Lenient faults) const noexcept {
    if (faults.bare_lf || faults.padded_chunk_size) [[unlikely]]
      tell_forgiven(now, endpoint, faults);
  }

 private:
  void count(const upstream::Endpoint& endpoint, TryResult result, int status);
  void tell_forgiven(TimePoint now, const upstream::Endpoint& endpoint,
                     config::Lenient faults) const noexcept;

  std::string_view upstream_;  // of the metrics, which outlive it
  telemetry::UpstreamShard& shard_;
  unsigned worker_;
};

}  // namespace weir::proxy
