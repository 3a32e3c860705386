// The level of the diagnostics: the file's, or one that an operator has set, for a time or until a
// reload. Main thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <optional>

#include "weir/base/asio.hpp"
#include "weir/base/time.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {

class LogLevel {
 public:
  using Level = telemetry::log::Level;

  explicit LogLevel(asio::io_context& main) : timer_(main) {}

  // What the file says, without changing anything: it was set when the log was started.
  void begin(Level in_file) noexcept { in_file_ = in_file; }
  // An operator's word. With `time` the file's level is back after it; without, it stays until
  // another set() or a reload that changes the file's level.
  void set(Level level, std::optional<Duration> time);
  // Another configuration is in force: its level is set if it is another one than before, and in
  // place of one that was set for a time, whose timer ends.
  void reloaded(Level in_file);

  Level in_file() const noexcept { return in_file_; }
  // When the file's level is back, if one was set for a time.
  std::optional<TimePoint> until() const;
  // The timer fires no more.
  void stop();

 private:
  asio::steady_timer timer_;
  Level in_file_ = Level::info;
  bool for_a_time_ = false;
  std::uint64_t words_ = 0;  // a timer that fired but has not run yet is of an earlier one
};

}  // namespace weir::server
