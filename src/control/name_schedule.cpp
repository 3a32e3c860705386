#include "weir/control/name_schedule.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace weir::control {

std::string_view name(LookUpEnd end) noexcept {
  switch (end) {
    case LookUpEnd::found:
      return "ok";
    case LookUpEnd::no_data:
      return "no_data";
    case LookUpEnd::no_name:
      return "nxdomain";
    case LookUpEnd::failed:
      return "failed";
    case LookUpEnd::timed_out:
      break;
  }
  return "timeout";
}

// The next of 0.1, 0.2, 0.5, 1, 2, 4 ... 30 s.
void NameSchedule::pause(TimePoint now, Duration least) noexcept {
  using namespace std::chrono_literals;
  static constexpr std::array<Duration, 9> pauses{100ms, 200ms, 500ms, 1s,           2s,
                                                  4s,    8s,    16s,   longest_pause};
  const Duration next = pauses[std::min(failures_, pauses.size() - 1)];
  ++failures_;
  due_ = now + std::max(next, least);
}

NameSchedule::Then NameSchedule::answered(TimePoint now, LookUpEnd end, std::optional<Duration> ttl,
                                          const NameRules& rules) noexcept {
  if (end == LookUpEnd::found) {
    has_addresses_ = true;
    gone_since_.reset();
    failures_ = 0;
    due_ = now + std::clamp(ttl.value_or(rules.max_ttl), rules.min_ttl, rules.max_ttl);
    holds_until_ = due_;
    return Then::take;
  }
  const bool is_negative = end == LookUpEnd::no_data || end == LookUpEnd::no_name;
  if (!has_addresses_) {
    pause(now, Duration::zero());
    return Then::keep;
  }
  if (!is_negative) {
    // Who keeps an address that may be old asks as often as it may.
    pause(now, rules.min_ttl);
    return Then::keep;
  }
  if (!gone_since_) gone_since_ = now;
  holds_until_ = *gone_since_ + rules.keep_on_nxdomain;
  if (now >= holds_until_) {
    has_addresses_ = false;
    gone_since_.reset();
    failures_ = 0;
    pause(now, Duration::zero());
    return Then::drop;
  }
  failures_ = 0;
  const Duration holds = std::clamp(ttl.value_or(rules.min_ttl), rules.min_ttl, rules.max_ttl);
  due_ = std::min(now + holds, holds_until_);
  return Then::keep;
}

void NameSchedule::connect_failed(TimePoint now) noexcept {
  due_ = std::min(due_, std::max(now, asked_at_ + between_forced));
}

void NameSchedule::ask_at_once(TimePoint now) noexcept {
  failures_ = 0;
  due_ = now;
}

}  // namespace weir::control
