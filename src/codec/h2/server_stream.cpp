#include "codec/h2/server_stream.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "codec/completion.hpp"
#include "codec/h2/field_block.hpp"
#include "weir/http/grpc.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::codec::h2 {
namespace {

constexpr unsigned most_interim = 8;
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
  exchange_.decisions.body_limit = context.limits.body_size;
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
  exchange_.fill_context().head_received = exchange_.clock.last_activity = context_.loop.now();
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
  {
    Completion completion(context_.handler, context_.loop, request_, exchange_);
    Outcome& outcome = completion.outcome;
    bool starved = false;
    try {
      co_await answer(outcome);
    } catch (const std::bad_alloc&) {
      starved = true;
    }
    // The upload may still read the content: it ends before the content does. Memory for that is
    // waited for.
    while (!exchange_.settle_now()) {
      try {
        co_await exchange_.settle();
        break;
      } catch (const std::bad_alloc&) {
      }
      net::TurnTaking turn(context_.loop);
      co_await turn.yield();
    }
    if (starved) outcome.reason = Reason::internal;
    if (exchange_.scope.cancelled() && !end_written_) {
      outcome.reason = exchange_.scope.reason();
      outcome.status = status_of(outcome.reason);
    }
    outcome.complete = end_written_;
  }

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

Task<> ServerStream::answer(Outcome& outcome) {
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
}

void ServerStream::give_up() {
  started_ = done_ = true;
  cancel(Reason::internal);
  reset(NGHTTP2_INTERNAL_ERROR);
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
  co_await send(*response, outcome);
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
