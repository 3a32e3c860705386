// How a connection is closed so that its client loses nothing (RFC 9113 section 6.8): a GOAWAY that
// takes every stream, a round trip, then one that names the last. The round trip's PING is asked
// only when that GOAWAY is out: nghttp2 would send it first, and its answer would then say nothing
// of what the client knows. Worker thread only.
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "codec/h2/session.hpp"
#include "weir/base/time.hpp"

namespace weir::codec::h2 {

class Goodbye {
 public:
  // How long the round trip is waited for, and a connection that has asked nothing.
  static constexpr Duration patience = std::chrono::seconds(1);

  // Says what is due now. Returns when to come back, TimePoint{} when all has been said.
  Deadline say(Session& session, TimePoint now) {
    if (step_ == Step::none) {
      nghttp2_submit_shutdown_notice(session.native());
      session.want_write();
      until_ = now + patience;
      step_ = Step::noticed;
    }
    if (step_ == Step::noticed && notice_written_) {
      nghttp2_submit_ping(session.native(), NGHTTP2_FLAG_NONE, mark.data());
      session.want_write();
      asked_at_ = now;
      step_ = Step::asked;
    }
    if (step_ == Step::noticed || step_ == Step::asked) {
      if (!ponged_ && now < until_) return until_;
      send_away(session, NGHTTP2_NO_ERROR);
    }
    return {};
  }
  // Says at once, because of `error`, which stream is the last that is taken.
  void send_away(Session& session, std::uint32_t error) {
    nghttp2_submit_goaway(session.native(), NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session.native()), error, nullptr,
                          0);
    session.want_write();
    step_ = Step::said;
  }
  // A GOAWAY went out; true when there is something to say behind it.
  bool goaway_written() noexcept {
    return step_ == Step::noticed && !std::exchange(notice_written_, true);
  }
  // An answer to a PING came.
  void pong(const std::uint8_t* opaque) noexcept {
    if (std::equal(mark.begin(), mark.end(), opaque)) ponged_ = true;
  }
  // The client has read all that was sent until `time`.
  bool has_read_until(TimePoint time) const noexcept { return ponged_ && time <= asked_at_; }
  bool begun() const noexcept { return step_ != Step::none; }
  bool said() const noexcept { return step_ == Step::said; }

 private:
  enum class Step : std::uint8_t { none, noticed, asked, said };
  static constexpr std::array<std::uint8_t, 8> mark{'g', 'o', 'o', 'd', '-', 'b', 'y', 'e'};

  Step step_ = Step::none;
  bool notice_written_ = false;
  bool ponged_ = false;
  Deadline until_ = no_deadline;
  TimePoint asked_at_{};
};

}  // namespace weir::codec::h2
