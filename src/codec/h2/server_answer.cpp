// How a ServerStream sends an answer: head, content, trailers, or a tunnel.
#include <algorithm>
#include <new>
#include <utility>

#include "codec/h2/answer_fields.hpp"
#include "codec/h2/field_block.hpp"
#include "codec/h2/server_stream.hpp"
#include "codec/h2/stream_bytes.hpp"
#include "weir/codec/tunnel.hpp"
#include "weir/http/grpc.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::codec::h2 {
namespace {

// A whole content up to this size is copied, so that many answers that wait for one write do not
// hold a block each.
constexpr std::size_t most_copied = 2048;

}  // namespace

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
  try {
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
      outcome.reason =
          exchange_.scope.cancelled() ? exchange_.scope.reason() : Reason::client_closed;
    }
  } catch (const std::bad_alloc&) {
    outbound_.drop();  // it points into the response
    throw;
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
  exchange_.record.add_bytes_in(end.from_client);
  exchange_.record.add_bytes_out(end.to_client);
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
        exchange_.record.tell_detail(next.error().detail);
        co_return false;
      }
      piece = *next;
    }
    const bool last = body->complete();
    outbound_.offer(piece, last, last ? &body->trailers() : nullptr);
    context_.session.resume(id_, outbound_);
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
  exchange_.record.add_bytes_out(moved);
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

}  // namespace weir::codec::h2
