#include "codec/h1/request_body.hpp"

#include <new>
#include <utility>

namespace weir::codec::h1 {

RequestBody::RequestBody(Input& input, const RequestHead& head, Exchange& exchange,
                         Progress progress, Underscores underscores,
                         std::function<Task<>()> continue_sender)
    : input_(input),
      exchange_(exchange),
      content_(head.framing, head.content_length, underscores),
      progress_(progress),
      continue_sender_(std::move(continue_sender)),
      unread_(continue_sender_ != nullptr && input.was_full()) {}

void RequestBody::set_failure(Reason reason, std::string_view detail) noexcept {
  if (failure_.reason != Reason::none) return;
  failure_ = error_of(reason, Side::downstream, detail);
}

void RequestBody::abort(Reason reason) noexcept {
  if (failure_.reason == Reason::none && !complete()) failure_.reason = reason;
  // Wakes the reader only: the connection may still be wanted for the answer and its linger.
  input_.stream().nudge_reader();
}

Bytes RequestBody::take() noexcept {
  if (failure_.reason != Reason::none) return {};
  const Bytes piece = content_.take(input_);
  if (content_.failed()) {
    set_failure(content_.starved() ? Reason::internal : Reason::bad_request, content_.failure());
  }
  exchange_.record.add_bytes_in(piece.size());
  progress_.moved(piece.size());
  if (exchange_.decisions.body_limit != 0 &&
      exchange_.record.bytes_in() > exchange_.decisions.body_limit) {
    set_failure(Reason::body_too_large, "the content is larger than the limit");
    return {};
  }
  return piece;
}

void RequestBody::arrived() noexcept {
  unread_ = true;
  if (arrivals_ != nullptr) arrivals_->content_arrived();
}

Bytes RequestBody::read_ready() noexcept {
  const Bytes piece = take();
  if (!piece.empty() || !unread_ || failure_.reason != Reason::none || complete()) return piece;
  unread_ = false;
  try {
    // What is wrong is found again by read(), as is what there is no memory for.
    static_cast<void>(input_.fill(content_.wanted_block(input_)));
    if (input_.empty()) input_.release();
    unread_ = input_.was_full();
  } catch (const std::bad_alloc&) {
    return {};
  }
  return take();
}

Task<Result<Bytes>> RequestBody::read() {
  while (true) {
    const Bytes piece = take();
    if (!piece.empty()) co_return piece;
    if (failure_.reason != Reason::none) co_return std::unexpected(failure_);
    if (complete()) co_return Bytes{};
    if (continue_sender_) {
      co_await std::exchange(continue_sender_, nullptr)();
      continue;  // it may have been aborted meanwhile
    }

    net::Io status = input_.fill(content_.wanted_block(input_));
    if (status == net::Io::would_block) {
      input_.fit();
      const TimePoint from = input_.stream().loop().now();
      exchange_.clock.begin_client_wait(from);
      status = co_await input_.stream().wait_readable(progress_.deadline(from));
      progress_.waited(exchange_.clock.end_client_wait(input_.stream().loop().now()));
    }
    switch (status) {
      case net::Io::ok:
      case net::Io::would_block:
        break;
      case net::Io::timeout:
        set_failure(Reason::client_timeout, "the content came too slowly");
        break;
      case net::Io::cancelled:
        set_failure(exchange_.scope.cancelled() ? exchange_.scope.reason() : Reason::client_closed,
                    "");
        break;
      case net::Io::eof:
      case net::Io::error:
        set_failure(Reason::client_closed, "the client left before the end of the content");
        break;
    }
  }
}

bool RequestBody::discard_rest() noexcept {
  // At most what one block holds: the rest is the lingering close's business.
  while (!complete() && !take().empty()) {
  }
  return complete() && failure_.reason == Reason::none;
}

}  // namespace weir::codec::h1
