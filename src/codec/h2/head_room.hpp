// What the heads and trailers of a connection's live requests hold, charged as their fields come.
// All that HTTP/2 requests keep of fields is charged and released here, and nowhere else. Owned by
// a connection, worker thread only.
#pragma once

#include <algorithm>
#include <cstddef>

#include "weir/config/model.hpp"

namespace weir::codec::h2 {

class HeadRoom {
 public:
  // For each stream that a client may have open; one whose heads are larger has room for fewer.
  static constexpr std::size_t a_stream = std::size_t{16} * 1024;

  explicit HeadRoom(const config::Limits& limits) noexcept
      : most_(std::max<std::size_t>(limits.h2_streams * a_stream, limits.header_size)) {}

  void charge(std::size_t bytes) noexcept { held_ += bytes; }
  void release(std::size_t bytes) noexcept { held_ -= bytes; }
  // More is held than there is room for: the request whose field that was is refused, for the
  // client to try again.
  bool spent() const noexcept { return held_ > most_; }

 private:
  std::size_t most_;
  std::size_t held_ = 0;
};

}  // namespace weir::codec::h2
