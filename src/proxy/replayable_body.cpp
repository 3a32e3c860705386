#include "proxy/replayable_body.hpp"

#include <new>
#include <utility>

namespace weir::proxy {

void ReplayableBody::rewind() noexcept {
  state_ = State::replaying;
  abort_.reset();
  if (kept_.empty()) state_ = State::passing;
}

void ReplayableBody::let_go() noexcept {
  if (state_ != State::keeping) return;
  state_ = State::passing;
  std::string().swap(kept_);
  if (abort_) source_.abort(*std::exchange(abort_, std::nullopt));
}

void ReplayableBody::give_back(std::optional<std::string> kept) noexcept {
  if (!std::exchange(kept_by_reader_, false)) return;
  if (!kept || kept->size() > most) return let_go();
  if (state_ == State::keeping) kept_ = std::move(*kept);
}

Task<Result<Bytes>> ReplayableBody::read() {
  if (abort_) co_return std::unexpected(Error{*abort_, Side::internal, {}});
  if (state_ == State::replaying) co_return take_kept();
  reading_ = true;
  const Result<Bytes> piece = co_await source_.read();
  reading_ = false;
  if (piece) {
    keep(*piece);
  } else {
    broken_ = true;
  }
  co_return piece;
}

Bytes ReplayableBody::read_ready() noexcept {
  if (abort_) return {};
  if (state_ == State::replaying) return take_kept();
  const Bytes piece = source_.read_ready();
  keep(piece);
  return piece;
}

void ReplayableBody::abort(Reason reason) noexcept {
  if (state_ == State::keeping && !reading_ && !broken_) {
    abort_ = reason;
    return;
  }
  broken_ = true;
  source_.abort(reason);
}

void ReplayableBody::keep(Bytes piece) noexcept {
  if (state_ != State::keeping || kept_by_reader_) return;
  try {
    if (kept_.size() + piece.size() <= most) {
      kept_ += as_text(piece);
      return;
    }
  } catch (const std::bad_alloc&) {
    // Then there is no second time.
  }
  state_ = State::passing;
  std::string().swap(kept_);
}

Bytes ReplayableBody::take_kept() noexcept {
  state_ = State::passing;
  return as_bytes(kept_);
}

}  // namespace weir::proxy
