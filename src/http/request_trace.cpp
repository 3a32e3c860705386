#include "weir/http/request_trace.hpp"

#include <algorithm>
#include <new>

namespace weir {

InnerSpan* RequestTrace::add(InnerSpan::Kind kind, TimePoint began) noexcept {
  if (spans_.size() >= most_spans) return nullptr;
  try {
    InnerSpan& out = spans_.emplace_back();
    out.kind = kind;
    out.id = new_span_id();
    out.began = began;
    return &out;
  } catch (const std::bad_alloc&) {
    return nullptr;  // the request is served all the same
  }
}

void RequestTrace::try_begins(const Begin& begin) noexcept {
  const TimePoint began = begin.now - begin.connected;
  if (begin.queued != Duration::zero()) waited(begin.queued, began);
  const unsigned before = tries_++;
  InnerSpan* const span = add(InnerSpan::Kind::attempt, began);
  if (span == nullptr) return texts_.set_span(span_);
  span->upstream = begin.upstream;
  span->endpoint = begin.endpoint;
  span->method = begin.method;
  span->path = begin.path;
  span->is_grpc = is_grpc;
  span->resend = before;
  span->hedge = begin.hedge;
  texts_.set_span(span->id);
}

void RequestTrace::try_ended(const TryRecord& record, TimePoint now) noexcept {
  const auto is_it = [&](const InnerSpan& span) {
    return span.kind == InnerSpan::Kind::attempt && span.ended == TimePoint{} &&
           span.endpoint.data() == record.endpoint.data();
  };
  const auto at = std::find_if(spans_.rbegin(), spans_.rend(), is_it);
  if (at == spans_.rend()) return;
  at->ended = now;
  at->result = record.result;
  at->reason = record.reason;
  at->status = record.status;
  at->grpc_status = record.grpc_status;
  at->h2 = record.h2;
  at->reused = record.reused;
}

void RequestTrace::waited(Duration queued, TimePoint now) noexcept {
  if (queued <= Duration::zero()) return;
  if (InnerSpan* const span = add(InnerSpan::Kind::queue, now - queued)) span->ended = now;
}

std::size_t RequestTrace::question_begins(TimePoint now, std::string_view upstream,
                                          std::string_view path, HeaderMap& fields) {
  remove_trace(fields, form_ != B3Form::none, true);
  InnerSpan* const span = add(InnerSpan::Kind::question, now);
  const SpanId id = span != nullptr ? span->id : span_;
  TraceTexts(trace_, id, sampled_).copy_to(fields, form_);
  if (span == nullptr) return most_spans;
  span->upstream = upstream;
  span->path = path;
  span->method = "GET";
  return spans_.size() - 1;
}

void RequestTrace::question_ended(std::size_t index, TimePoint now, std::string_view endpoint,
                                  int status, Reason reason) noexcept {
  if (index >= spans_.size()) return;
  InnerSpan& span = spans_[index];
  span.ended = now;
  span.status = status;
  span.reason = reason;
  try {
    span.endpoint = kept_.copy(endpoint);
  } catch (const std::bad_alloc&) {
    span.endpoint = {};
  }
}

void RequestTrace::own_texts(Arena& texts) {
  state = texts.copy(state);
  route = texts.copy(route);
  for (InnerSpan& span : spans_) {
    span.upstream = texts.copy(span.upstream);
    span.method = texts.copy(span.method);
    span.path = texts.copy(span.path);
  }
}

}  // namespace weir
