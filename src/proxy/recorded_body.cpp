#include "proxy/recorded_body.hpp"

#include <new>
#include <utility>

namespace weir::proxy {

Task<Result<Bytes>> RecordedBody::read() {
  const Result<Bytes> piece = co_await source_.read();
  if (piece) {
    note(*piece);
  } else {
    place_.reset();
  }
  co_return piece;
}

Bytes RecordedBody::read_ready() noexcept {
  const Bytes piece = source_.read_ready();
  try {
    note(piece);
  } catch (const std::bad_alloc&) {
    place_.reset();
  }
  return piece;
}

void RecordedBody::send_as(std::unique_ptr<RequestCopy> copy) {
  copy_ = std::move(copy);
  if (source_.complete()) send_if_whole();
}

void RecordedBody::note(Bytes piece) {
  if (!place_) return;
  if (content_.size() + piece.size() > Shadows::most_content) {
    place_.reset();
    copy_.reset();
    std::string().swap(content_);
    return;
  }
  content_ += as_text(piece);
  if (source_.complete()) send_if_whole();
}

void RecordedBody::send_if_whole() {
  if (!place_ || !copy_) return;
  copy_->content = std::move(content_);
  copy_->has_content = true;
  Shadows::Place place = std::move(*place_);
  place_.reset();
  Shadows& shadows = place.shadows();
  shadows.send(std::move(copy_), std::move(place));
}

}  // namespace weir::proxy
