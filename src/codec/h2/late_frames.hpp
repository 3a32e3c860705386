// Finds content and fields that a peer sends behind the end of its stream (RFC 9113 section 5.1),
// from the frames' headers alone: nghttp2 takes no notice of them once the stream is closed. Of a
// stream that we reset such frames may have been on their way, so only what the peer ended or reset
// itself, and lately, is remembered. Owned by a session, worker thread only; pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "weir/http/body.hpp"

namespace weir::codec::h2 {

class LateFrames {
 public:
  static constexpr std::size_t most_remembered = 16;
  static constexpr std::size_t preface_size = 24;

  // `preface`: bytes that come before the first frame; a client's, a server has none.
  explicit LateFrames(std::size_t preface = preface_size) noexcept : skip_(preface) {}

  // Whether one of them begins in these bytes, the next of what the peer sends. Bytes that are no
  // frames are harmless.
  bool take(Bytes bytes) noexcept {
    bool late = false;
    while (!bytes.empty()) {
      if (skip_ != 0) {
        const std::size_t size = std::min(skip_, bytes.size());
        skip_ -= size;
        bytes = bytes.subspan(size);
        continue;
      }
      header_[have_++] = std::to_integer<std::uint8_t>(bytes.front());
      bytes = bytes.subspan(1);
      if (have_ == header_.size()) late = take_header() || late;
    }
    return late;
  }

 private:
  enum : std::uint8_t { data = 0, headers = 1, rst_stream = 3, end_stream = 1 };

  bool take_header() noexcept {
    have_ = 0;
    skip_ = std::size_t{header_[0]} << 16 | std::size_t{header_[1]} << 8 | header_[2];
    const std::uint8_t type = header_[3];
    if (type != data && type != headers && type != rst_stream) return false;
    const std::uint32_t stream = (header_[5] & 0x7fU) << 24 | std::uint32_t{header_[6]} << 16 |
                                 std::uint32_t{header_[7]} << 8 | header_[8];
    if (stream == 0) return false;
    if (type != rst_stream && std::ranges::find(ended_, stream) != ended_.end()) return true;
    if (type == rst_stream || (header_[4] & end_stream) != 0) {
      ended_[next_++ % most_remembered] = stream;
    }
    return false;
  }

  std::size_t skip_;  // of what is no header
  std::array<std::uint8_t, 9> header_{};
  std::size_t have_ = 0;                                // of it
  std::array<std::uint32_t, most_remembered> ended_{};  // streams, the latest in turn; 0: none
  std::size_t next_ = 0;
};

}  // namespace weir::codec::h2
