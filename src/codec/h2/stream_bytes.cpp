#include "codec/h2/stream_bytes.hpp"

#include <algorithm>

#include "weir/net/loop_of.hpp"

namespace weir::codec::h2 {

bool StreamBytes::expired() const noexcept {
  return net::loop_of(exchange_).now() >= exchange_.clock.idle_deadline();
}

Reason StreamBytes::ended() const noexcept {
  if (aborted_ != Reason::none) return aborted_;
  if (exchange_.scope.cancelled()) return exchange_.scope.reason();
  return closed_ ? Reason::client_closed : Reason::none;
}

Task<Result<Bytes>> StreamBytes::read() {
  while (true) {
    if (aborted_ != Reason::none) co_return fail(aborted_, Side::internal);
    const Bytes piece = inbound_.take();
    if (!piece.empty()) {
      owner_.content_taken(piece.size());
      exchange_.clock.last_activity = net::loop_of(exchange_).now();
      co_return piece;
    }
    if (inbound_.complete()) co_return Bytes{};
    if (const Reason why = ended(); why != Reason::none) co_return fail(why, Side::downstream);
    co_await inbound_.wait(exchange_.clock.idle_deadline());
    // The other direction may have moved meanwhile.
    if (inbound_.result() == net::Wake::timeout && expired()) {
      co_return fail(Reason::request_timeout, Side::internal, "no data in the tunnel for too long");
    }
  }
}

Task<Result<>> StreamBytes::write(Bytes bytes) {
  Reason why = ended();
  if (why == Reason::none) {
    outbound_.offer(bytes, false);
    session_.resume(id_, outbound_);
  }
  std::uint64_t before = outbound_.moved_bytes();
  while (why == Reason::none && !outbound_.taken()) {
    co_await outbound_.wait(exchange_.clock.idle_deadline());
    const net::Wake wake = outbound_.result();
    if (outbound_.moved_bytes() != before) {
      before = outbound_.moved_bytes();
      exchange_.clock.last_activity = net::loop_of(exchange_).now();
    }
    why = ended();
    if (why == Reason::none && wake == net::Wake::timeout && expired()) {
      why = Reason::request_timeout;
    }
  }
  if (why == Reason::none) co_return Result<>{};
  outbound_.drop();
  co_return fail(why, Side::downstream);
}

void StreamBytes::shutdown_write() noexcept {
  if (ended() != Reason::none) return;
  outbound_.offer({}, true);
  session_.resume(id_, outbound_);
}

void StreamBytes::abort(Reason reason) noexcept {
  if (aborted_ == Reason::none) aborted_ = reason;
  inbound_.wake();
  outbound_.wake();
}

}  // namespace weir::codec::h2
