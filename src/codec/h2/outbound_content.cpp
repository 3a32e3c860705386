#include "codec/h2/outbound_content.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "codec/h2/field_block.hpp"

namespace weir::codec::h2 {

nghttp2_data_provider OutboundContent::provider() noexcept {
  nghttp2_data_provider out;
  out.source.ptr = this;
  out.read_callback = read;
  return out;
}

void OutboundContent::offer(Bytes piece, bool last, const HeaderMap* trailers) noexcept {
  piece_ = piece;
  last_ = last;
  trailers_ = trailers;
}

bool OutboundContent::resume(nghttp2_session* session, std::int32_t stream) noexcept {
  return !std::exchange(deferred_, false) ||
         nghttp2_session_resume_data(session, stream) != NGHTTP2_ERR_NOMEM;
}

ssize_t OutboundContent::read(nghttp2_session* session, std::int32_t stream, std::uint8_t*,
                              std::size_t size, std::uint32_t* flags, nghttp2_data_source* source,
                              void*) noexcept {
  return static_cast<OutboundContent*>(source->ptr)->provide(session, stream, size, *flags);
}

ssize_t OutboundContent::provide(nghttp2_session* session, std::int32_t stream, std::size_t size,
                                 std::uint32_t& flags) noexcept {
  if (piece_.empty() && !last_) {
    deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  const std::size_t count = std::min(size, piece_.size());
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (count == piece_.size() && last_) {
    ended_ = true;
    moved_.notify();  // before trailers there may be no frame of content that would
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (trailers_ != nullptr && !trailers_->empty()) {
      try {
        FieldBlock fields;
        fields.add(*trailers_);
        if (!fields.empty()) {
          // Without them the message would look whole.
          if (nghttp2_submit_trailer(session, stream, fields.data(), fields.size()) != 0) {
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // the stream is reset
          }
          flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        }
      } catch (const std::bad_alloc&) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      }
    }
  }
  return static_cast<ssize_t>(count);
}

}  // namespace weir::codec::h2
