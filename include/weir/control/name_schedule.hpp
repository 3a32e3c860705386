// When a name is asked again, and what becomes of its addresses. A pure function of the times and
// answers that it is told; one a name, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/base/time.hpp"

namespace weir::control {

enum class LookUpEnd : std::uint8_t {
  found,
  no_data,    // the name exists and has no address (NODATA)
  no_name,    // it does not exist (NXDOMAIN)
  failed,     // a server says that it cannot answer, or none can be reached
  timed_out,  // no server answered
};
inline constexpr std::size_t look_up_ends = 5;

// As in weir_dns_lookups_total.
std::string_view name(LookUpEnd end) noexcept;

struct NameRules {
  Duration min_ttl = std::chrono::seconds(1);
  Duration max_ttl = std::chrono::seconds(30);  // not below min_ttl
  Duration keep_on_nxdomain = std::chrono::seconds(30);
};

class NameSchedule {
 public:
  // A failed connect asks again, but not sooner than this after the look-up before.
  static constexpr Duration between_forced = std::chrono::seconds(1);
  static constexpr Duration longest_pause = std::chrono::seconds(30);

  enum class Then : std::uint8_t {
    take,  // the addresses that were found are those of the name
    keep,  // those of before stay
    drop,  // it has none
  };

  // The look-up begins.
  void asked(TimePoint now) noexcept { asked_at_ = now; }
  // And has ended. `ttl`: how long the answer says that it holds; nothing where it does not say.
  Then answered(TimePoint now, LookUpEnd end, std::optional<Duration> ttl,
                const NameRules& rules) noexcept;
  // One of its addresses could not be connected to.
  void connect_failed(TimePoint now) noexcept;
  // It is asked at once, whatever came before: pauses begin anew.
  void ask_at_once(TimePoint now) noexcept;

  bool has_addresses() const noexcept { return has_addresses_; }
  // When to ask next. REQUIRES: asked, or told to.
  TimePoint due() const noexcept { return due_; }
  // Until when the addresses hold by the answer that gave them, or, of a name that is gone, when
  // they leave.
  TimePoint holds_until() const noexcept { return holds_until_; }

 private:
  void pause(TimePoint now, Duration least) noexcept;

  TimePoint asked_at_{};
  TimePoint due_{};
  TimePoint holds_until_{};
  std::optional<TimePoint> gone_since_;  // there was a negative answer, and no addresses since
  bool has_addresses_ = false;
  std::size_t failures_ = 0;  // one behind the other
};

}  // namespace weir::control
