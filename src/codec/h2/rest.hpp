// When a connection that is silent gives memory back. Worker thread only.
#pragma once

#include <cstdint>

#include "codec/h2/session.hpp"
#include "weir/base/time.hpp"

namespace weir::codec::h2 {

class Rest {
 public:
  // Silence before it, so that whoever asks every few seconds does not pay for it each time.
  static constexpr Duration after = std::chrono::seconds(5);

  // Rests when it is time; returns when to come back. `busy`: a request is under way;
  // `silent_since`: the end of the last, or the last frame.
  Deadline take(Session& session, bool busy, TimePoint silent_since, TimePoint now) noexcept {
    if (busy) return now + after;
    if (taken_at_ == session.bytes_fed()) return no_deadline;
    if (now < silent_since + after) return silent_since + after;
    session.rest();
    taken_at_ = session.bytes_fed();
    return no_deadline;
  }

 private:
  std::uint64_t taken_at_ = 0;  // of what had come
};

}  // namespace weir::codec::h2
