// Since when a client owes the rest of what it began to send: a frame that is no content, or the
// frames of one field section. Owned by a connection, worker thread only; pure.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>

#include "weir/base/time.hpp"

namespace weir::codec::h2 {

class FrameClock {
 public:
  explicit FrameClock(TimePoint now) noexcept : since_(now) {}

  void begins(const nghttp2_frame_hd& frame, TimePoint now) noexcept {
    end_ += frame_header + frame.length;
    if (frame.type != NGHTTP2_CONTINUATION) since_ = now;
    in_fields_ = (frame.type == NGHTTP2_HEADERS || frame.type == NGHTTP2_CONTINUATION) &&
                 (frame.flags & NGHTTP2_FLAG_END_HEADERS) == 0;
    in_content_ = frame.type == NGHTTP2_DATA;
  }
  // `fed`: how much has come so far, the preface included.
  bool owes(std::uint64_t fed) const noexcept { return in_fields_ || (!in_content_ && fed < end_); }
  // When the last frame began, or the first of its field section.
  TimePoint since() const noexcept { return since_; }

 private:
  static constexpr std::size_t frame_header = 9;

  TimePoint since_;
  std::uint64_t end_ = NGHTTP2_CLIENT_MAGIC_LEN;  // of the frame, counted as `fed`
  bool in_fields_ = false;                        // of a section that has not ended
  bool in_content_ = false;                       // of DATA
};

}  // namespace weir::codec::h2
