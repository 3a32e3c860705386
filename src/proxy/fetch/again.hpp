// Whether a request is sent again after a try that brought no answer. Pure.
#pragma once

#include "weir/base/reason.hpp"

namespace weir::proxy {

// A try that ended before a final head.
struct FailedTry {
  Reason failure = Reason::none;
  bool touched = false;  // a byte of an answer came
  bool refused = false;  // the upstream says that it has not looked at the request
  bool reused = false;   // its connection had carried another request
};

// The request, as far as it matters for another try.
struct Repeatable {
  bool idempotent = false;  // its method is (RFC 9110 section 9.2.2)
  bool whole = false;       // nothing of its content was lost
  unsigned repeats = 0;     // how often it was sent again already
  unsigned most_repeats = 0;
};

// What the upstream refused unread may be sent again whatever the method (RFC 9113 section 8.7). A
// reused connection that turns out dead costs an idempotent request one more try, on a fresh one
// (RFC 9112 section 9.3.1).
constexpr bool is_sent_again(const FailedTry& failed, const Repeatable& request) noexcept {
  if (failed.failure != Reason::upstream_reset || failed.touched || !request.whole) return false;
  if (request.repeats >= request.most_repeats) return false;
  return failed.refused || (failed.reused && request.idempotent && request.repeats == 0);
}

}  // namespace weir::proxy
