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
    if (frame.type != NGHTTP2_CONTINUATION) {
      since_ = now;
      begin_ = end_;
    }
    end_ += frame_header + frame.length;
    in_fields_ = (frame.type == NGHTTP2_HEADERS || frame.type == NGHTTP2_CONTINUATION) &&
                 (frame.flags & NGHTTP2_FLAG_END_HEADERS) == 0;
    in_content_ = frame.type == NGHTTP2_DATA;
  }
  // `fed`: how much has come so far, the preface included.
  bool owes(std::uint64_t fed) const noexcept { return in_fields_ || (!in_content_ && fed < end_); }
  // How many bytes have come of what is owed: a decoder may hold as many of a field that has not
  // come whole. 0 when nothing is owed.
  std::size_t in_parts(std::uint64_t fed) const noexcept {
    return owes(fed) && fed > begin_ ? static_cast<std::size_t>(fed - begin_) : 0;
  }
  // When the last frame began, or the first of its field section.
  TimePoint since() const noexcept { return since_; }

 private:
  static constexpr std::size_t frame_header = 9;

  TimePoint since_;
  std::uint64_t begin_ = 0;  // of the frame, or of the first of its field section
  std::uint64_t end_ = NGHTTP2_CLIENT_MAGIC_LEN;  // of the frame, counted as `fed`
  bool in_fields_ = false;                        // of a section that has not ended
  bool in_content_ = false;                       // of DATA
};

}  // namespace weir::codec::h2
