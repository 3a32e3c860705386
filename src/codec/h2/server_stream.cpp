#include "codec/h2/server_stream.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "codec/h2/answer_fields.hpp"
#include "codec/h2/field_block.hpp"
#include "codec/h2/stream_bytes.hpp"
#include "weir/codec/tunnel.hpp"
#include "weir/http/grpc.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::codec::h2 {
namespace {

constexpr unsigned most_interim = 8;
// A whole content up to this size is copied, so that many answers that wait for one write do not
// hold a block each.
constexpr std::size_t most_copied = 2048;
// How much of an unwanted upload is let come, and for how long, before it is reset: a client that
// still sends would drop the answer with the reset.
constexpr std::size_t most_lingered = 256 * 1024;
constexpr Duration longest_linger = std::chrono::seconds(2);

}  // namespace

ServerStream::ServerStream(ServerContext& context, std::int32_t id)
    : context_(context),
      id_(id),
      exchange_(context.info, context.loop.now()),
      fields_(std::make_unique<RequestFields>(context.limits, request_.head)),
      inbound_(context.loop),
      outbound_(context.loop) {
  exchange_.body_limit = context.limits.body_size;
}

ServerStream::~ServerStream() {
  context_.queued -= inbound_.queued();
  context_.heads.release(held_);
}

void ServerStream::field(std::string_view name, std::string_view value) {
  const std::size_t most = context_.limits.header_size;
  if (fields_ != nullptr) {
    // Of a request that will be refused the log tells what it was.
    if (no_room_ && !is_pseudo(name)) return;
    fields_->field(name, value);
    // What is more than the limit is not kept.
    hold(std::min(fields_->size(), most));
    no_room_ = no_room_ || context_.heads.spent();
    return;
  }
  if (!trailer_fields_) return;
  auto taken = trailer_fields_->field(name, value);
  if (taken) {
    hold(held_ + std::min(counted_size(name, value), most));
    return;
  }
  trailer_fields_.reset();
  if (taken.error().malformed) {
    malformed_ = std::move(taken.error().detail);
  } else {
    content_->fail(taken.error().reason, std::move(taken.error().detail));
  }
}

void ServerStream::hold(std::size_t bytes) noexcept {
  context_.heads.charge(bytes - held_);
  held_ = bytes;
}

void ServerStream::head_complete(bool ended) {
  const Scheme scheme = context_.info.tls ? Scheme::https : Scheme::http;
  fault_ = fields_->finish(ended, scheme);
  extended_connect_ = fields_->extended_connect();
  fields_.reset();
  head_complete_ = true;
  exchange_.head_received = exchange_.clock.last_activity = context_.loop.now();
  const RequestHead& head = request_.head;
  if (!fault_ && !ended) {
    RequestContent::Owner& owner = *this;
    content_.emplace(inbound_, context_.loop, exchange_, owner, head,
                     Progress(context_.limits.body_idle_timeout, context_.limits.body_rate));
    if (head.framing != Framing::none) request_.body = &*content_;
  }
  if (ended) inbound_.end();
}

void ServerStream::trailers_begin(bool ended) {
  if (!ended) malformed_ = "a second head";
  if (!content_ || !malformed_.empty()) return;
  const config::Limits& limits = context_.limits;
  const auto underscores = limits.underscores == config::Underscores::reject
                               ? config::Underscores::reject
                               : config::Underscores::drop;
  trailer_fields_.emplace(limits.header_size, limits.header_count, underscores,
                          content_->received_trailers());
}

void ServerStream::content(Bytes bytes) {
  received_ += bytes.size();
  const RequestHead& head = request_.head;
  if (head.framing == Framing::length && received_ > head.content_length) {
    malformed_ = "more content than Content-Length";
  }
  const std::size_t before = inbound_.queued();
  if (malformed_.empty()) inbound_.append(bytes);
  context_.queued += inbound_.queued() - before;
  if (!lingering_) return;
  lingered_ += bytes.size();
  if (lingered_ >= most_lingered) outbound_.wake();
}

void ServerStream::ended() {
  ended_ = true;
  const RequestHead& head = request_.head;
  if (head.framing == Framing::length && received_ != head.content_length) {
    malformed_ = "less content than Content-Length";
  }
  if (malformed_.empty()) inbound_.end();
}

void ServerStream::reset_if_malformed() {
  if (malformed_.empty() || reset_) return;
  // An early answer may have made the end of such a request the end of its stream.
  const bool by_both_ends = ended_ && end_written_;
  if (closed_ && !by_both_ends) return;
  if (content_) content_->fail(Reason::bad_request, malformed_);
  reset_ = true;
  context_.session.reset_stream(id_, NGHTTP2_PROTOCOL_ERROR);
  cancel(Reason::bad_request);
}

void ServerStream::reset(std::uint32_t error) {
  if (closed_ || std::exchange(reset_, true)) return;
  context_.session.reset_stream(id_, error);
}

void ServerStream::cancel(Reason reason) noexcept {
  if (content_) content_->fail(reason, {});
  exchange_.scope.cancel(reason);
  inbound_.wake();
  outbound_.wake();
}

Task<> ServerStream::serve() {
  started_ = true;
  Outcome outcome;
  if (closed_ || reset_ || left_) {
    // Over before it began: told, not served.
    cancel(Reason::client_closed);
    context_.handler.refuse({exchange_.scope.reason(), Side::downstream, {}}, exchange_);
  } else if (fault_ && fault_->malformed) {
    context_.handler.refuse({Reason::bad_request, Side::downstream, fault_->detail}, exchange_);
    reset(NGHTTP2_PROTOCOL_ERROR);
    cancel(Reason::bad_request);
  } else if (fault_) {
    const Error error{fault_->reason, Side::downstream, fault_->detail};
    co_await refuse(error, outcome);
  } else {
    co_await answer_request(outcome);
  }

  if (exchange_.scope.cancelled() && !end_written_) {
    outcome.reason = exchange_.scope.reason();
    outcome.status = status_of(outcome.reason);
  }
  outcome.complete = end_written_;
  outcome.started = exchange_.started;
  outcome.ended = context_.loop.now();
  if (outcome.head_sent == TimePoint{}) outcome.head_sent = outcome.ended;
  outcome.bytes_in = exchange_.bytes_in;
  outcome.bytes_out = exchange_.bytes_out;
  exchange_.complete(outcome);
  context_.handler.completed(request_, exchange_, outcome);

  context_.queued -= inbound_.queued();
  inbound_.discard();
  context_.return_window();
  if (end_written_) co_await linger();
  // Behind a whole answer the rest of the request is not wanted (RFC 9113 section 8.1).
  reset(end_written_                                         ? NGHTTP2_NO_ERROR
        : exchange_.scope.reason() == Reason::bad_request    ? NGHTTP2_PROTOCOL_ERROR
        : exchange_.scope.reason() == Reason::client_timeout ? NGHTTP2_CANCEL
                                                             : NGHTTP2_INTERNAL_ERROR);
  done_ = true;
}

Task<> ServerStream::linger() {
  lingering_ = true;
  const TimePoint until = context_.loop.now() + longest_linger;
  while (!closed_ && !left_ && !reset_ && !exchange_.scope.cancelled() &&
         lingered_ < most_lingered && context_.loop.now() < until) {
    co_await outbound_.wait(until);
    outbound_.result();
  }
}

Task<> ServerStream::refuse(const Error& error, Outcome& outcome) {
  Response response = context_.handler.refuse(error, exchange_);
  co_await send(response, outcome);
}

Task<> ServerStream::answer_request(Outcome& outcome) {
  exchange_.interim = this;
  std::optional<Response> response;
  try {
    response = co_await context_.handler.handle(request_, exchange_);
  } catch (const std::bad_alloc&) {
    // Answered below: co_await is not allowed here.
  }
  if (!response) {
    response =
        context_.handler.refuse({Reason::internal, Side::internal, "out of memory"}, exchange_);
  } else if (extended_connect_ && response->head.status / 100 == 2 &&
             !std::holds_alternative<ByteStream*>(response->body)) {
    // A 2xx would tell the client that it has its tunnel.
    response = context_.handler.refuse(
        {Reason::not_implemented, Side::downstream, "no tunnel for this request"}, exchange_);
  }
  try {
    co_await send(*response, outcome);
  } catch (const std::bad_alloc&) {
    outbound_.drop();
    outcome.reason = Reason::internal;
  }
  // The upload may still read the content: it ends before the content does.
  if (!exchange_.settle_now()) co_await exchange_.settle();
}

void ServerStream::submit_head(const Response& response, bool ended) {
  FieldBlock fields;
  add_answer(response, request_.head, extended_connect_, fields);
  const nghttp2_data_provider provider = outbound_.provider();
  const int submitted = nghttp2_submit_response(context_.session.native(), id_, fields.data(),
                                                fields.size(), ended ? nullptr : &provider);
  if (submitted != 0) exchange_.scope.cancel(Reason::internal);
  head_sent_ = true;
  if (content_ && is_grpc(request_.head)) content_->unhurried();
  context_.session.want_write();
}

Task<> ServerStream::send(Response& response, Outcome& outcome) {
  outcome.status = response.head.status;
  outcome.reason = response.reason;
  if (closed_ || exchange_.scope.cancelled()) co_return;
  if (auto* tunnel = std::get_if<ByteStream*>(&response.body)) {
    co_await serve_tunnel(**tunnel, response, outcome);
    co_return;
  }
  if (refuses(response) && is_grpc(request_.head)) into_grpc(response);
  BodyStream* body = nullptr;
  Bytes first;
  bool last = true;
  if (has_content(request_.head, response.head.status)) {
    if (auto* stream = std::get_if<BodyStream*>(&response.body)) {
      body = *stream;
      first = body->read_ready();
      last = body->complete();
    } else if (auto* text = std::get_if<std::string>(&response.body)) {
      first = as_bytes(*text);
    }
  }
  if (body != nullptr && last && !first.empty() && first.size() <= most_copied) {
    first = as_bytes(response.head.headers.arena().copy(as_text(first)));
    body->read_ready();
  }
  const HeaderMap* trailers = body != nullptr && last ? &body->trailers() : nullptr;
  // As the upstream ended it, whether or not its end had come by now: in its head, or behind it.
  const bool end_follows = body != nullptr && !body->length();
  const bool bare =
      last && first.empty() && !end_follows && (trailers == nullptr || trailers->empty());
  if (!bare) outbound_.offer(first, last, trailers);
  submit_head(response, bare);
  outcome.head_sent = exchange_.clock.last_activity = context_.loop.now();
  if (co_await send_content(last ? nullptr : body, outcome)) co_return;
  outbound_.drop();
  if (outcome.reason == Reason::none) {
    outcome.reason = exchange_.scope.cancelled() ? exchange_.scope.reason() : Reason::client_closed;
  }
}

Task<> ServerStream::serve_tunnel(ByteStream& upstream, Response& response, Outcome& outcome) {
  // RFC 8441 section 5: 200 is what 101 was, without the proof that HTTP/1 needs.
  outcome.status = response.head.status = 200;
  response.head.headers.remove(FieldId::sec_websocket_accept);
  submit_head(response, false);
  outcome.head_sent = exchange_.clock.last_activity = context_.loop.now();
  StreamBytes client(context_.session, id_, inbound_, outbound_, *this, exchange_, closed_);
  const TunnelEnd end = co_await run_tunnel(context_.loop, client, upstream);
  exchange_.bytes_in += end.from_client;
  exchange_.bytes_out += end.to_client;
  counted_ = outbound_.moved_bytes();
  Progress progress(context_.limits.body_idle_timeout);
  if (end.clean) {
    co_await sent(true, progress, outcome);
  } else {
    outbound_.drop();
  }
}

Task<bool> ServerStream::send_content(BodyStream* body, Outcome& outcome) {
  Progress progress(context_.limits.body_idle_timeout);
  net::TurnTaking turns(context_.loop);
  while (body != nullptr) {
    if (!co_await sent(false, progress, outcome)) co_return false;
    Bytes piece = body->read_ready();
    if (piece.empty() && !body->complete()) {
      const auto next = co_await body->read();
      if (!next) {
        outcome.reason = next.error().reason;
        exchange_.detail = next.error().detail;
        co_return false;
      }
      piece = *next;
    }
    const bool last = body->complete();
    outbound_.offer(piece, last, last ? &body->trailers() : nullptr);
    outbound_.resume(context_.session.native(), id_);
    context_.session.want_write();
    if (last) break;
    if (turns.moved(piece.size())) co_await turns.yield();
  }
  co_return co_await sent(true, progress, outcome);
}

bool ServerStream::client_stalls() const noexcept {
  nghttp2_session* const session = context_.session.native();
  return nghttp2_session_get_stream_remote_window_size(session, id_) <= 0 ||
         nghttp2_session_get_remote_window_size(session) <= 0;
}

void ServerStream::count_moved(Progress& progress) noexcept {
  const std::uint64_t moved = outbound_.moved_bytes() - counted_;
  if (moved == 0) return;
  counted_ += moved;
  progress.moved(moved);
  exchange_.bytes_out += moved;
  exchange_.clock.last_activity = context_.loop.now();
}

Task<bool> ServerStream::sent(bool whole, Progress& progress, Outcome& outcome) {
  while (whole ? !end_written_ : !outbound_.taken()) {
    if (closed_ || exchange_.scope.cancelled()) co_return false;
    const TimePoint from = context_.loop.now();
    co_await outbound_.wait(std::min(progress.deadline(from), exchange_.clock.hard_deadline));
    const net::Wake wake = outbound_.result();
    progress.waited(context_.loop.now() - from);
    count_moved(progress);
    if (context_.loop.now() >= exchange_.clock.hard_deadline) {
      outcome.reason = Reason::request_timeout;
      co_return false;
    }
    if (wake != net::Wake::timeout) continue;
    if (client_stalls()) {
      exchange_.scope.cancel(Reason::client_timeout);
      co_return false;
    }
    progress = Progress(context_.limits.body_idle_timeout);
  }
  count_moved(progress);
  co_return true;
}

Task<> ServerStream::informational(const ResponseHead& head) {
  queue_interim(head);
  co_return;
}

void ServerStream::queue_interim(const ResponseHead& head) {
  if (closed_ || reset_ || head_sent_ || interim_count_ == most_interim) return;
  if (head.status == 100 && std::exchange(continue_sent_, true)) return;
  ++interim_count_;
  FieldBlock fields;
  fields.add(":status", static_cast<std::uint64_t>(head.status));
  fields.add(head.headers);
  nghttp2_submit_headers(context_.session.native(), NGHTTP2_FLAG_NONE, id_, nullptr, fields.data(),
                         fields.size(), nullptr);
  context_.session.want_write();
}

void ServerStream::content_taken(std::size_t bytes) noexcept {
  context_.queued -= bytes;
  context_.return_window();
  if (!closed_) context_.session.consume_stream(id_, bytes);
}

void ServerStream::content_wanted() {
  ResponseHead head;
  head.status = 100;
  queue_interim(head);
}

}  // namespace weir::codec::h2
