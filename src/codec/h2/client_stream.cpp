#include "codec/h2/client_stream.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "codec/h2/client_session.hpp"
#include "weir/codec/websocket.hpp"
#include "weir/net/loop.hpp"

namespace weir::codec::h2 {
namespace {

// Interim heads that may wait to be relayed; an attempt ends long before.
constexpr std::size_t most_heads = 16;
constexpr std::size_t most_trailers = 1000;

void add_target(FieldBlock& fields, const RequestHead& head, bool tls, std::string& target) {
  fields.add(":scheme", tls ? "https" : "http");
  if (!head.authority.empty()) fields.add(":authority", head.authority);
  target = head.path;
  if (head.has_query) {
    target += '?';
    target += head.query;
  }
  fields.add(":path", target);
}

}  // namespace

ClientStream::ClientStream(ClientSession& session, net::Loop& loop, TransferClock& clock,
                           const CancelScope& scope, Owner& owner, Method method,
                           std::size_t header_size)
    : session_(&session),
      loop_(loop),
      clock_(clock),
      scope_(scope),
      owner_(owner),
      method_(method),
      header_size_(header_size),
      inbound_(loop),
      outbound_(std::make_unique<OutboundContent>(loop)) {}

ClientStream::~ClientStream() {
  if (session_ == nullptr || id_ == 0) return;
  reset(NGHTTP2_CANCEL);
  session_->orphan(id_, std::move(outbound_));
}

Result<bool> ClientStream::send_head(const RequestHead& head, Bytes first, bool last) {
  if (session_ == nullptr) return std::unexpected(send_error());
  tunnel_ = head.upgrade_websocket;
  if (tunnel_ && !session_->offers_extended_connect()) {
    fault(Reason::upstream_bad_response,
          "the upstream speaks HTTP/2 and offers no WebSocket over it");
    return std::unexpected(failure_);
  }
  FieldBlock fields;
  std::string target;
  fields.add(":method", tunnel_ ? std::string_view("CONNECT") : head.method_text);
  if (tunnel_) fields.add(":protocol", "websocket");
  add_target(fields, head, session_->tls(), target);
  // RFC 8441 section 5: key and accept have no meaning there.
  fields.add(head.headers, tunnel_ ? FieldId::sec_websocket_key : FieldId::other);
  if (!tunnel_ && head.framing == Framing::length) {
    fields.add("content-length", head.content_length);
  }
  const bool content = tunnel_ || !last || !first.empty();
  if (content && !tunnel_) outbound_->offer(first, last);
  if (tunnel_) {
    accept_ = websocket_accept(head.headers.get(FieldId::sec_websocket_key).value_or(""));
  }
  id_ = session_->open(*this, fields, content ? outbound_.get() : nullptr);
  if (id_ == 0) {
    unprocessed_ = true;
    fault(Reason::upstream_reset, "the connection accepts no more requests");
    return std::unexpected(failure_);
  }
  return tunnel_ || first.empty();
}

Error ClientStream::send_error() const {
  if (cancelled_) return {scope_.reason(), Side::internal, {}};
  return {Reason::upstream_reset, Side::upstream, "closed while the request was sent"};
}

Task<Result<>> ClientStream::taken(bool tunnel) {
  while (!outbound_->taken()) {
    if (session_ == nullptr || reset_) co_return std::unexpected(send_error());
    const Deadline until = tunnel ? clock_.idle_deadline() : no_deadline;
    co_await outbound_->wait(until);
    const net::Wake wake = outbound_->result();
    if (wake == net::Wake::timeout && loop_.now() >= clock_.idle_deadline()) {
      co_return fail(Reason::request_timeout, Side::internal, "no data in the tunnel for too long");
    }
  }
  clock_.last_activity = loop_.now();
  co_return Result<>{};
}

Task<Result<>> ClientStream::flush() { co_return co_await taken(false); }

Task<Result<>> ClientStream::send_content(Bytes piece) {
  if (session_ == nullptr || reset_) co_return std::unexpected(send_error());
  outbound_->offer(piece, false);
  session_->content_offered(id_, *outbound_);
  co_return co_await taken(false);
}

Task<Result<>> ClientStream::send_end(const HeaderMap& trailers) {
  if (session_ == nullptr || reset_) co_return std::unexpected(send_error());
  outbound_->offer({}, true, &trailers);
  session_->content_offered(id_, *outbound_);
  co_return co_await taken(false);
}

Task<Result<>> ClientStream::write(Bytes bytes) {
  if (failure_.reason != Reason::none) co_return std::unexpected(failure_);
  if (session_ == nullptr || reset_) co_return std::unexpected(send_error());
  outbound_->offer(bytes, false);
  session_->content_offered(id_, *outbound_);
  co_return co_await taken(true);
}

void ClientStream::shutdown_write() noexcept {
  if (session_ == nullptr || reset_ || !outbound_->taken()) return;
  outbound_->offer({}, true);
  session_->content_offered(id_, *outbound_);
}

Result<bool> ClientStream::take_head(ResponseHead& head) {
  if (!heads_.empty()) {
    head = std::move(heads_.front());
    heads_.pop_front();
    if (head.status >= 200 || head.status == 101) begin_content(head);
    return true;
  }
  if (failure_.reason != Reason::none) return std::unexpected(failure_);
  return false;
}

void ClientStream::begin_content(ResponseHead&) {
  final_taken_ = true;
  if (session_ != nullptr) session_->answered();
  if (!tunnel_ && inbound_.complete()) end(true);
}

Task<net::Io> ClientStream::wait_more(Deadline until) {
  if (cancelled_) co_return net::Io::cancelled;
  if (!heads_.empty() || failure_.reason != Reason::none) co_return net::Io::ok;
  co_await inbound_.wait(until);
  const net::Wake wake = inbound_.result();
  if (cancelled_) co_return net::Io::cancelled;
  co_return wake == net::Wake::timeout ? net::Io::timeout : net::Io::ok;
}

Bytes ClientStream::take() noexcept {
  if (ended_) return {};
  const Bytes piece = inbound_.take();
  if (!piece.empty()) {
    clock_.last_activity = loop_.now();
    taken_ += piece.size();
    if (session_ != nullptr) {
      session_->content_taken(id_, piece.size());
      if (taken_ >= widen_at_) {
        widen_at_ = taken_ + widen_after;
        session_->widen(id_);
      }
    }
  }
  if (tunnel_) return piece;
  if (inbound_.complete()) {
    end(true);
  } else if (piece.empty() && failure_.reason != Reason::none) {
    end(false);
  }
  return piece;
}

Task<Result<Bytes>> ClientStream::read() {
  while (true) {
    const Bytes piece = take();
    if (!piece.empty()) co_return piece;
    // First: what was aborted has no end, even if the upstream's had come by then.
    if (failure_.reason != Reason::none) co_return std::unexpected(failure_);
    if (inbound_.complete()) co_return Bytes{};
    if (!cancelled_) {
      co_await inbound_.wait(clock_.idle_deadline());
      const net::Wake wake = inbound_.result();
      // The upload beside it, or the client's reading, may have moved bytes meanwhile.
      if (wake == net::Wake::timeout && loop_.now() >= clock_.idle_deadline()) {
        fault(Reason::request_timeout, "no data for too long");
        failure_.reason = Reason::request_timeout;
      }
    }
    if (cancelled_ && failure_.reason == Reason::none) {
      failure_ = {scope_.reason(), Side::upstream, {}};
    }
  }
}

void ClientStream::abort(Reason reason) noexcept {
  if (ended_) return;
  if (failure_.reason == Reason::none) failure_ = {reason, Side::internal, {}};
  end(false);
  reset(NGHTTP2_CANCEL);
  inbound_.wake();
  outbound_->wake();
}

void ClientStream::cancel() noexcept {
  cancelled_ = true;
  reset(NGHTTP2_CANCEL);
  inbound_.wake();
  outbound_->wake();
}

void ClientStream::reset(std::uint32_t error) noexcept {
  if (session_ == nullptr || id_ == 0 || std::exchange(reset_, true)) return;
  session_->reset(id_, error);
}

void ClientStream::end(bool reusable) noexcept {
  if (std::exchange(ended_, true)) return;
  owner_.answer_ended(reusable);
}

void ClientStream::fault(Reason before_head, std::string_view detail,
                         std::string_view more) noexcept {
  // What comes of our own cancelling is not the upstream's doing: its reader is told the scope's
  // reason.
  if (failure_.reason != Reason::none || cancelled_ || inbound_.ended()) return;
  failure_ = error_of(final_came_ ? Reason::upstream_incomplete : before_head, Side::upstream,
                      detail, more);
  inbound_.wake();
  outbound_->wake();
}

// --- what came

void ClientStream::fields_begin() {
  touched_ = true;
  if (final_came_) {
    trailer_fields_.emplace(header_size_, most_trailers, config::Underscores::keep, trailers_);
  } else {
    fields_.emplace(header_size_, method_, tunnel_);
  }
}

void ClientStream::field(std::string_view name, std::string_view value) {
  if (malformed_) return;
  if (!trailer_fields_) return fields_->field(name, value);
  if (auto taken = trailer_fields_->field(name, value); !taken) {
    malformed_ = true;
    fault(Reason::upstream_incomplete, "trailers: ", taken.error().detail);
  }
}

void ClientStream::fields_complete(bool ended) {
  if (malformed_) return;
  if (trailer_fields_) {
    trailer_fields_.reset();
    if (ended) return content_ended();
    malformed_ = true;
    return fault(Reason::upstream_incomplete, "a second final head");
  }
  if (auto wrong = fields_->finish(ended)) {
    malformed_ = true;
    return fault(wrong->malformed ? Reason::upstream_bad_response : wrong->reason, wrong->detail);
  }
  ResponseHead head = std::move(fields_->head());
  fields_.reset();
  if (head.status < 200 && heads_.size() == most_heads) {
    malformed_ = true;
    return fault(Reason::upstream_bad_response, "too many interim answers");
  }
  if (head.status >= 200) {
    final_came_ = true;
    if (tunnel_ && head.status < 300) {
      // As an HTTP/1 upstream would have said it.
      head.status = 101;
      head.headers.add_view(FieldId::upgrade, "Upgrade", "websocket");
      head.headers.remove(FieldId::sec_websocket_accept);
      head.headers.add(FieldId::sec_websocket_accept, "Sec-WebSocket-Accept", accept_);
      content_expected_ = true;
    } else {
      tunnel_ = false;
      content_expected_ = head.framing != Framing::none;
      if (head.framing == Framing::length) length_ = head.content_length;
    }
    if (!content_expected_) {
      inbound_.end();
    } else if (ended) {
      content_ended();
    }
  }
  heads_.push_back(std::move(head));
  inbound_.wake();
}

void ClientStream::content(Bytes bytes) {
  touched_ = true;
  if (malformed_) return;
  if (!final_came_) {
    malformed_ = true;
    return fault(Reason::upstream_bad_response, "content before a head");
  }
  if (!content_expected_) return;
  received_ += bytes.size();
  if (length_ && received_ > *length_) {
    malformed_ = true;
    return fault(Reason::upstream_incomplete, "more content than Content-Length");
  }
  inbound_.append(bytes);
}

void ClientStream::content_ended() {
  if (malformed_ || inbound_.ended()) return;
  if (!final_came_) {
    malformed_ = true;
    return fault(Reason::upstream_bad_response, "ended without a head");
  }
  if (length_ && received_ != *length_) {
    malformed_ = true;
    return fault(Reason::upstream_incomplete, "less content than Content-Length");
  }
  inbound_.end();
}

void ClientStream::peer_reset(std::uint32_t) noexcept { peer_reset_ = true; }

void ClientStream::closed(std::uint32_t error) noexcept {
  session_ = nullptr;
  if (!inbound_.ended() && failure_.reason == Reason::none) {
    unprocessed_ = error == NGHTTP2_REFUSED_STREAM && !touched_;
    // Whoever resets this stream alone has seen the request on a connection that works.
    touched_ = touched_ || (peer_reset_ && !unprocessed_);
    const bool theirs = peer_reset_ || error == NGHTTP2_REFUSED_STREAM;
    fault(theirs ? Reason::upstream_reset : Reason::upstream_bad_response,
          theirs ? "reset by the upstream: " : "not HTTP/2: ", nghttp2_http2_strerror(error));
  }
  inbound_.wake();
  outbound_->wake();
}

void ClientStream::lost(Reason reason, std::string_view detail) noexcept {
  session_ = nullptr;
  fault(reason, detail);
  inbound_.wake();
  outbound_->wake();
}

}  // namespace weir::codec::h2
