#include "proxy/fetch/replayed_content.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace weir::proxy {

ReplayedContent::ReplayedContent(BodyStream& body, net::Loop& loop, std::size_t most,
                                 telemetry::Gauge& held)
    : body_(body), most_(most), held_(held), pulls_(loop), waiter_(loop) {}

ReplayedContent::~ReplayedContent() { drop(); }

void ReplayedContent::drop() noexcept {
  if (kept_.empty()) return;
  held_.add(-static_cast<std::int64_t>(kept_.size()));
  std::string().swap(kept_);
}

void ReplayedContent::keep(Bytes piece) {
  begun_ = true;
  if (lost_ || piece.empty()) return;
  const std::uint64_t length = body_.length().value_or(0);
  if (length > most_ || kept_.size() + piece.size() > most_) {
    lost_ = true;
    return drop();
  }
  if (kept_.empty()) kept_.reserve(std::max<std::size_t>(length, piece.size()));
  kept_ += as_text(piece);
  held_.add(static_cast<std::int64_t>(piece.size()));
}

Bytes ReplayedContent::begin() {
  left_ = false;
  // What has come since the try before is for next(): there may be no room for it.
  if (begun_) return as_bytes(kept_);
  const Bytes piece = body_.read_ready();
  if (piece.empty()) return as_bytes(kept_);
  keep(piece);
  return lost_ ? piece : as_bytes(kept_);
}

Bytes ReplayedContent::ready() {
  const Bytes piece = body_.read_ready();
  if (!piece.empty()) keep(piece);
  return piece;
}

Task<Result<Bytes>> ReplayedContent::next() {
  if (!pulling_ && !came_) {
    const Bytes piece = ready();
    if (!piece.empty() || body_.complete()) co_return piece;
    begun_ = true;
    pulling_ = true;
    pulls_.spawn(pull());
  }
  while (!came_) {
    if (left_) co_return fail(Reason::upstream_reset, Side::internal, "the try is over");
    co_await waiter_.wait(no_deadline);
    static_cast<void>(waiter_.result());
  }
  came_ = false;
  if (result_) keep(*result_);
  co_return result_;
}

Task<> ReplayedContent::pull() {
  try {
    result_ = co_await body_.read();
  } catch (const std::bad_alloc&) {
    result_ = std::unexpected(Error{Reason::internal, Side::internal, {}});
  }
  pulling_ = false;
  came_ = true;
  waiter_.notify();
  if (listener_ != nullptr && !result_) listener_->notify();
}

void ReplayedContent::leave() noexcept {
  left_ = true;
  waiter_.notify();
}

std::optional<std::string> ReplayedContent::hand_over() {
  // What came for a next try that there is not.
  if (came_ && result_) {
    came_ = false;
    keep(*result_);
  }
  if (std::exchange(lost_, true)) return std::nullopt;
  held_.add(-static_cast<std::int64_t>(kept_.size()));
  return std::exchange(kept_, {});
}

Task<> ReplayedContent::settle() {
  if (pulls_.size() == 0) co_return;
  body_.abort(Reason::upstream_reset);
  co_await pulls_.join();
}

}  // namespace weir::proxy
