// Whether a request is sent again after a try, and how. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/fetch/retry_rule.hpp"
#include "weir/base/reason.hpp"
#include "weir/base/time.hpp"

namespace weir::proxy {

// The request, as far as it matters for another try.
struct Repeatable {
  bool idempotent = false;  // its method is (RFC 9110 section 9.2.2)
  bool whole = false;       // nothing of its content was lost
  unsigned repeats = 0;     // how often it was sent again already, retries aside
  unsigned most_repeats = 0;
  bool elsewhere = false;  // a connect may fail at one more endpoint
  bool retried = false;    // the rule's methods hold for it
  bool kept = false;       // nothing of its content was lost, as far as the rule keeps it
  unsigned retries = 0;    // how often it was retried already
};

enum class Again : std::uint8_t {
  no,
  replay,     // at once, on a fresh connection
  elsewhere,  // at once, at another endpoint: nothing was sent
  retry,      // by the rule: after a pause, within the budget
  lost,       // as `retry`, but its content is gone
};

// What the upstream refused unread may be sent again whatever the method (RFC 9113 section 8.7),
// and so may what was never sent. A reused connection that turns out dead costs an idempotent
// request one more try, on a fresh one (RFC 9112 section 9.3.1). Whatever else is sent again is the
// rule's; null: there is none.
constexpr Again again(const EndedTry& ended, const Repeatable& request,
                      const RetryRule* rule) noexcept {
  const bool cut = ended.connected && ended.failure == Reason::upstream_reset && !ended.touched;
  if (cut && request.whole && request.repeats < request.most_repeats) {
    if (ended.refused) return Again::replay;
    if (ended.reused && request.repeats == 0 && (ended.unsent || request.idempotent)) {
      return Again::replay;
    }
    if (ended.unsent && !ended.reused && request.elsewhere) return Again::elsewhere;
  }
  if (rule == nullptr || request.retries >= rule->retries || !rule->holds(ended)) return Again::no;
  // What nobody has seen is not sent twice.
  const bool unseen = ended.unsent || ended.refused;
  if (!unseen && !request.retried) return Again::no;
  return !ended.connected || request.kept ? Again::retry : Again::lost;
}

// Whether a try that starts after `pause` has time, where so much is left: less than half of the
// upstream's heads took (`half`; nothing: unknown, or not asked for) is not enough.
constexpr bool has_time(Duration left, Duration pause, std::optional<Duration> half) noexcept {
  return pause < left && (!half || left - pause >= *half);
}

}  // namespace weir::proxy
