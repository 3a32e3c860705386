// Judges what a client makes us do for nothing (h2/flood_guard), and what becomes of it: the first
// time it is enough the client is sent away, and what is in flight is finished; one that goes on is
// cut off. Owned by a connection, told in its session's callbacks; worker thread only; pure.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>

#include "codec/h2/flood_guard.hpp"
#include "weir/base/time.hpp"

namespace weir::codec::h2 {

class ClientConduct {
 public:
  // Frames that it may leave unread.
  static constexpr std::size_t most_queued_frames = 2000;
  // How long it may take to receive what is in flight when it was sent away.
  static constexpr Duration longest_farewell = std::chrono::seconds(30);

  // A client's request when it resets the stream.
  enum class Request : std::uint8_t { unanswered, being_answered, over };

  // `proxy`: the client speaks for others, and is trusted to.
  ClientConduct(TimePoint now, bool proxy) noexcept : guard_(now, proxy) {}

  // A frame comes. False: the client is cut off at once.
  bool frame_begins(const nghttp2_frame_hd& frame, TimePoint now) noexcept {
    ++frames_;
    const bool has_content = frame.length != 0 && (frame.flags & NGHTTP2_FLAG_PADDED) == 0;
    const bool moves = frame.type == NGHTTP2_HEADERS || frame.type == NGHTTP2_CONTINUATION ||
                       frame.type == NGHTTP2_RST_STREAM || frame.type == NGHTTP2_GOAWAY ||
                       (frame.type == NGHTTP2_DATA &&
                        (has_content || (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0));
    return moves || guard_.idle_frame(now) || send_away();
  }
  void useful_frame() noexcept { guard_.useful_frame(); }
  // A request was answered whole.
  void answered() noexcept { guard_.answered(); }
  // The client resets a stream.
  void gives_up(Request request, TimePoint now) noexcept {
    switch (request) {
      case Request::unanswered:
        return judge(guard_.reset(now));
      case Request::being_answered:
        return judge(guard_.cut(now));
      case Request::over:
        return judge(guard_.idle_frame(now));
    }
  }
  // We reset a stream. `refused`: for want of room of our own.
  void is_reset(std::uint32_t error, bool refused, TimePoint now) noexcept {
    const bool ours = error == NGHTTP2_NO_ERROR || error == NGHTTP2_INTERNAL_ERROR ||
                      error == NGHTTP2_CANCEL || (error == NGHTTP2_REFUSED_STREAM && refused);
    // Others are the client's doing, be it that we say so.
    if (!ours) judge(guard_.reset(now));
  }

  // It is to go, or has been told to.
  bool is_away() const noexcept { return away_; }
  // It is to be cut off.
  bool is_cut_off() const noexcept { return cut_off_; }
  // The frames that came, as bytes of content that would have taken as long.
  std::uint64_t frame_work() const noexcept { return frames_ * frame_cost; }

 private:
  static constexpr std::uint64_t frame_cost = 512;

  void judge(bool fine) noexcept {
    if (!fine && !send_away()) cut_off_ = true;
  }
  // False when it was sent away before.
  bool send_away() noexcept {
    if (away_) return false;
    away_ = true;
    guard_.begin_farewell();
    return true;
  }

  FloodGuard guard_;
  std::uint64_t frames_ = 0;
  bool away_ = false;
  bool cut_off_ = false;
};

}  // namespace weir::codec::h2
