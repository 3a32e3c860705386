#include "server/exchange_record.hpp"

#include "weir/http/grpc.hpp"
#include "weir/telemetry/occasional.hpp"

namespace weir::server {
namespace {

std::string_view protocol_of(const RequestHead& head) noexcept {
  switch (head.version) {
    case Version::http10:
      return "HTTP/1.0";
    case Version::http11:
      break;
    case Version::http2:
      return "HTTP/2";
  }
  return "HTTP/1.1";
}

// Its trace, if somebody keeps that: we do, or a trusted peer says so by the sampled flag of
// traceparent.
telemetry::TraceId kept_trace(const RequestHead& head, const Exchange& exchange) {
  if (exchange.trace != nullptr) [[unlikely]] {
    if (!exchange.trace->sampled()) return {};
    return telemetry::TraceId::parse(exchange.trace->texts().trace_id());
  }
  if (exchange.context.trace_id.empty()) [[likely]]
    return {};
  if (!exchange.context.connection.peer_trusted) return {};
  constexpr std::size_t flags = 54;  // the last digit of two: its lowest bit is the flag
  const auto parent = head.headers.get(FieldId::traceparent);
  if (!parent || parent->size() <= flags) return {};
  constexpr std::string_view odd = "13579bdf";
  if (!odd.contains((*parent)[flags])) return {};
  return telemetry::TraceId::parse(exchange.context.trace_id);
}

// Told without a word of its own where there was no memory for one.
void log_internal(const Exchange& exchange, const Outcome& outcome) {
  namespace log = telemetry::log;
  const std::string_view error = exchange.record.detail().empty()
                                     ? std::string_view("out of memory")
                                     : exchange.record.detail();
  log::occasionally(
      outcome.ended, log::Level::error, "internal error", {{"error", error}},
      {{"route", exchange.context.route_name}, {"request_id", exchange.context.request_id()}});
}

}  // namespace

GrpcStatus told_grpc_status(const RequestHead& head, const Exchange& exchange,
                            const Outcome& outcome) {
  if (!is_grpc(head)) return no_grpc_status;
  const bool fault = outcome.status >= 400 && !exchange.record.detail().empty();
  if (outcome.reason == Reason::none && !fault) return exchange.record.grpc_status();
  return static_cast<GrpcStatus>(grpc_status_of(outcome.reason, outcome.status));
}

void count_exchange(telemetry::RouteShard& shard, const RequestHead& head, const Exchange& exchange,
                    const Outcome& outcome) {
  const bool tunnel = exchange.record.tunnelled();
  if (exchange.context.route_index != RequestContext::no_route)
    (tunnel ? shard.tunnels : shard.in_flight).add(-1);
  shard.count(head.method_text.empty() ? Method::other : head.method, outcome.status,
              outcome.reason);
  if (is_grpc(head)) shard.count_grpc(told_grpc_status(head, exchange, outcome));
  if (outcome.reason == Reason::internal) [[unlikely]] {
    log_internal(exchange, outcome);
  }
  const telemetry::TraceId trace = kept_trace(head, exchange);
  if (!tunnel) shard.duration.observe(outcome.ended - outcome.started, trace);
  shard.head.observe(outcome.head_sent - outcome.started, trace);
  if (exchange.record.bytes_in() != 0) shard.request_bytes.add(exchange.record.bytes_in());
  if (exchange.record.bytes_out() != 0) shard.response_bytes.add(exchange.record.bytes_out());
}

void write_access_line(telemetry::AccessLog& log, telemetry::AccessTap& tap,
                       const telemetry::AccessPolicy& policy, bool logged, const RequestHead& head,
                       const Exchange& exchange, const Outcome& outcome) {
  const unsigned worker = exchange.context.connection.worker;
  const Duration duration = outcome.ended - outcome.started;
  // What the fallback saved is written whatever the sample, too.
  const Reason telling =
      outcome.reason != Reason::none ? outcome.reason : exchange.record.fallback_reason();
  const bool wanted =
      logged && policy.on && log.wants(worker, policy, outcome.status, telling, duration);
  const bool watched = tap.is_watched();
  if (!wanted && !watched) return;
  // As the client sent it: what was matched and forwarded may have been rewritten.
  const bool has_path = head.target.starts_with('/');
  const std::string_view path = has_path ? head.target.substr(0, head.target.find('?')) : head.path;
  telemetry::AccessRecord record{.started = outcome.started,
                                 .request_id = exchange.context.request_id(),
                                 .trace_id = exchange.context.trace_id,
                                 .listener = exchange.context.connection.listener_name,
                                 .protocol = protocol_of(head),
                                 .client_ip = exchange.context.client_ip,
                                 .peer = &exchange.context.connection.peer,
                                 .method = head.method_text,
                                 .host = head.host,
                                 .path = path,
                                 .query = head.query,
                                 .status = outcome.status,
                                 .reason = outcome.reason,
                                 .route = exchange.context.route_name,
                                 .fallback = exchange.record.fallback_reason(),
                                 .upstream = exchange.record.upstream(),
                                 .endpoint = exchange.record.endpoint(),
                                 .attempts = exchange.record.attempts(),
                                 .duration = duration,
                                 .bytes_in = exchange.record.bytes_in(),
                                 .bytes_out = exchange.record.bytes_out(),
                                 .user_agent = head.headers.get(FieldId::user_agent).value_or(""),
                                 .referer = head.headers.get(FieldId::referer).value_or(""),
                                 .user = exchange.decisions.user,
                                 .limit_key = exchange.decisions.limit_key,
                                 .grpc_status = told_grpc_status(head, exchange, outcome),
                                 .detail = exchange.record.detail()};
  // A first try whose second did not come about is no list.
  if (exchange.record.tries().size() > 1) record.tries = exchange.record.tries();
  // What ended early had its head out, unless the client was gone before.
  const bool gone = exchange.scope.cancelled() || outcome.reason == Reason::client_closed;
  if (outcome.head_sent != outcome.ended || outcome.complete || !gone) {
    record.head = outcome.head_sent - outcome.started;
  }
  if (exchange.record.attempts() != 0 || exchange.record.queue_time() != Duration::zero()) {
    record.queue = exchange.record.queue_time();
  }
  if (exchange.record.attempts() != 0) record.connect = exchange.record.connect_time();
  if (const TlsFacts* tls = exchange.context.connection.tls) {
    record.tls_version = tls->version;
    record.sni = tls->sni;
  }
  if (wanted) log.append(worker, policy, record);
  if (watched) tap.show(worker, policy, record);
}

}  // namespace weir::server
