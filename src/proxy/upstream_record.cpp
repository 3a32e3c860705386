#include "proxy/upstream_record.hpp"

#include "weir/telemetry/occasional.hpp"

namespace weir::proxy {
control::CallEnd call_end(Reason failure) noexcept {
  switch (info(failure).try_result) {
    case TryResult::connect_failed:
    case TryResult::connect_timeout:
    case TryResult::tls_failed:
      return control::CallEnd::connect;
    case TryResult::reset:
    case TryResult::bad_response:
      return control::CallEnd::reset;
    case TryResult::timeout:
      return control::CallEnd::timeout;
    case TryResult::ok:
      return control::CallEnd::answered;
    case TryResult::client_gone:
    case TryResult::hedge_lost:
    case TryResult::end:
      break;
  }
  return control::CallEnd::unknown;
}

control::CallEnd call_end(const TryEnd& end) noexcept {
  if (end.lost) return control::CallEnd::unknown;
  // The upstream did answer: a stream that lasts until its limit is none of its failures.
  if (end.out_of_time) return control::CallEnd::answered;
  if (end.silent) return control::CallEnd::timeout;
  if (end.failure != Reason::none) return call_end(end.failure);
  // A head that tells of a failure says enough, whoever cut its content.
  if (end.answer_complete || end.status >= 500) return control::CallEnd::answered;
  return end.client_gone ? control::CallEnd::unknown : control::CallEnd::reset;
}

TryResult result_of(const TryEnd& end) noexcept {
  if (end.lost) return TryResult::hedge_lost;
  if (end.out_of_time || end.silent) return TryResult::timeout;
  if (end.failure == Reason::none && !end.answer_complete) {
    return end.client_gone ? TryResult::client_gone : TryResult::reset;
  }
  return info(end.failure).try_result;
}

void UpstreamRecord::count(const upstream::Endpoint& endpoint, TryResult result, int status) {
  if (auto* metrics = endpoint.annex<telemetry::EndpointMetrics>()) {
    metrics->shard(worker_).count(result, status);
  }
}

void UpstreamRecord::leased(const upstream::Lease& lease) {
  if (!lease.reused()) shard_.connect.observe(lease.connect_time);
  if (lease.queue_time != Duration::zero()) shard_.queue.observe(lease.queue_time);
}

TryResult UpstreamRecord::connect_failed(const upstream::ConnectFailure& failure, bool lost) {
  const TryResult result = lost ? TryResult::hedge_lost : info(failure.reason).try_result;
  if (failure.endpoint) count(*failure.endpoint, result, 0);
  return result;
}

void UpstreamRecord::ended(const upstream::Endpoint& endpoint, const TryEnd& end) {
  // How long it would have taken nobody knows.
  if (!end.lost) shard_.duration.observe(end.duration);
  count(endpoint, result_of(end), end.status);
}

void UpstreamRecord::failed(TimePoint now, const upstream::Endpoint& endpoint, const Error& error,
                            bool reused) const noexcept {
  namespace log = telemetry::log;
  const TryResult result = info(error.reason).try_result;
  if (error.side == Side::downstream ||
      (result != TryResult::reset && result != TryResult::bad_response &&
       result != TryResult::tls_failed)) {
    return;
  }
  const bool usual = reused && error.reason == Reason::upstream_reset;
  log::occasionally(now, usual ? log::Level::info : log::Level::warn, "upstream failed",
                    {{"upstream", upstream_}, {"reason", name(error.reason)}},
                    {{"error", error.detail}, {"endpoint", endpoint.address()}});
}

void UpstreamRecord::cut(TimePoint now, const upstream::Endpoint& endpoint) const noexcept {
  namespace log = telemetry::log;
  log::occasionally(now, log::Level::warn, "upstream's answer cut", {{"upstream", upstream_}},
                    {{"endpoint", endpoint.address()}});
}

void UpstreamRecord::tell_forgiven(TimePoint now, const upstream::Endpoint& endpoint,
                                   config::Lenient faults) const noexcept {
  namespace log = telemetry::log;
  const auto tell = [&](std::string_view key) {
    log::occasionally(now, log::Level::warn, "malformed answer accepted",
                      {{"upstream", upstream_}, {"key", key}}, {{"endpoint", endpoint.address()}});
  };
  if (faults.bare_lf) {
    shard_.bare_lf.add();
    tell("bare_lf");
  }
  if (faults.padded_chunk_size) {
    shard_.padded_chunk_size.add();
    tell("padded_chunk_size");
  }
}

}  // namespace weir::proxy
