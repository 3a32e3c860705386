#include "weir/tracing/policy.hpp"

#include <new>
#include <string>

#include "tracing/spans.hpp"
#include "weir/base/chance.hpp"
#include "weir/http/grpc.hpp"

namespace weir::tracing {
namespace {

// The lines of a list as one text, in the request's arena.
std::string_view joined_state(HeaderMap& headers) {
  if (headers.count(FieldId::tracestate) <= 1) {
    return headers.get(FieldId::tracestate).value_or("");
  }
  std::string all;
  for (const HeaderMap::Field& field : headers) {
    if (field.id != FieldId::tracestate) continue;
    if (!all.empty()) all += ',';
    all += field.value;
  }
  return headers.arena().copy(all);
}

}  // namespace

std::string_view begin(const Policy& policy, control::TraceShare share, std::string_view route,
                       RequestHead& head, Exchange& exchange) {
  HeaderMap& headers = head.headers;
  const ToldTrace told = read_trace(headers, policy.read);
  const bool sampled = control::samples(exchange.context.connection.peer_trusted,
                                        told.parent.sampled, share, chance());
  const TraceId trace = told.parent.trace ? told.parent.trace : new_trace_id();
  remove_trace(headers, told.b3 != B3Form::none, told.is_w3c);
  if (!sampled && !policy.keep.any()) {
    // Nobody will see a span of it: any id may stand for ours.
    const TraceTexts texts(trace, new_span_id(), false);
    texts.copy_to(headers, told.b3);
    return headers.get(FieldId::traceparent)->substr(3, 32);
  }
  exchange.trace = std::make_unique<RequestTrace>(trace, told.parent.span, sampled, told.b3);
  RequestTrace& own = *exchange.trace;
  own.texts().add_to(headers, told.b3);
  own.state = joined_state(headers);
  own.route = route;
  own.is_grpc = is_grpc(head);
  return own.texts().trace_id();
}

void end(const Policy& policy, const RequestHead& head, const Exchange& exchange,
         const Outcome& outcome, GrpcStatus grpc_status) noexcept {
  const RequestTrace& trace = *exchange.trace;
  const Finished finished{head, exchange, outcome, grpc_status};
  if (!trace.sampled()) {
    // A tunnel is as slow as its head was: how long it lasts is up to those who talk.
    const TimePoint until = exchange.record.tunnelled() ? outcome.head_sent : outcome.ended;
    if (!policy.keep.takes(is_error(finished), until - outcome.started)) return;
  }
  thread_local std::string bytes;
  try {
    bytes.clear();
    const std::uint32_t spans = append_spans(bytes, finished);
    policy.queue->push(bytes, spans);
  } catch (const std::bad_alloc&) {
    return;  // its span is lost, and nothing else
  }
}

}  // namespace weir::tracing
