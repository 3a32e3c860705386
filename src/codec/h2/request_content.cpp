#include "codec/h2/request_content.hpp"

#include <utility>

namespace weir::codec::h2 {

void RequestContent::fail(Reason reason, std::string detail) noexcept {
  if (failure_.reason != Reason::none || complete()) return;
  failure_ = {reason, Side::downstream, std::move(detail)};
  inbound_.wake();
}

Bytes RequestContent::take() noexcept {
  if (failure_.reason != Reason::none) return {};
  const Bytes piece = inbound_.take();
  if (piece.empty()) return {};
  owner_.content_taken(piece.size());
  exchange_.record.add_bytes_in(piece.size());
  progress_.moved(piece.size());
  if (exchange_.decisions.body_limit != 0 &&
      exchange_.record.bytes_in() > exchange_.decisions.body_limit) {
    failure_ = {Reason::body_too_large, Side::downstream, "the content is larger than the limit"};
    return {};
  }
  return piece;
}

Task<Result<Bytes>> RequestContent::read() {
  while (true) {
    const Bytes piece = take();
    if (!piece.empty()) co_return piece;
    if (failure_.reason != Reason::none) co_return std::unexpected(failure_);
    if (inbound_.complete()) co_return Bytes{};
    if (std::exchange(ask_, false)) owner_.content_wanted();
    const TimePoint from = loop_.now();
    exchange_.clock.begin_client_wait(from);
    co_await inbound_.wait(progress_.deadline(from));
    const net::Wake wake = inbound_.result();
    progress_.waited(exchange_.clock.end_client_wait(loop_.now()));
    if (wake == net::Wake::timeout) {
      fail(Reason::client_timeout, "the content came too slowly");
    }
  }
}

}  // namespace weir::codec::h2
