#include "proxy/upstream_record.hpp"

namespace weir::proxy {
namespace {

using telemetry::TryResult;

TryResult result_of(Reason failure) noexcept {
  switch (failure) {
    case Reason::none:
      return TryResult::ok;
    case Reason::connect_failed:
      return TryResult::connect_failed;
    case Reason::connect_timeout:
      return TryResult::connect_timeout;
    case Reason::upstream_reset:
    case Reason::upstream_incomplete:
      return TryResult::reset;
    case Reason::upstream_bad_response:
    case Reason::upstream_headers_too_large:
      return TryResult::bad_response;
    case Reason::upstream_tls_failed:
      return TryResult::tls_failed;
    case Reason::request_timeout:
    case Reason::try_timeout:
      return TryResult::timeout;
    default:
      return TryResult::client_gone;  // it was not the upstream's doing
  }
}

}  // namespace

void UpstreamRecord::count(const upstream::Endpoint& endpoint, TryResult result, int status) {
  if (auto* metrics = endpoint.annex<telemetry::EndpointMetrics>()) {
    metrics->shard(worker_).count(result, status);
  }
}

void UpstreamRecord::leased(const upstream::Lease& lease) {
  if (!lease.reused()) shard_.connect.observe(lease.connect_time);
  if (lease.queue_time != Duration::zero()) shard_.queue.observe(lease.queue_time);
}

void UpstreamRecord::connect_failed(const upstream::ConnectFailure& failure) {
  if (failure.endpoint) count(*failure.endpoint, result_of(failure.reason), 0);
}

void UpstreamRecord::ended(const upstream::Endpoint& endpoint, const TryEnd& end) {
  shard_.duration.observe(end.duration);
  TryResult result = result_of(end.failure);
  if (end.failure == Reason::none && !end.answer_complete) {
    result = end.client_gone ? TryResult::client_gone : TryResult::reset;
  }
  count(endpoint, result, end.status);
}

}  // namespace weir::proxy
