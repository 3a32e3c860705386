// The level of the diagnostics: the file's, or one that an operator has set, for a time or until a
// reload; and the level of one component's steps, where an operator has set it apart. Main thread.
#pragma once

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <optional>

#include "weir/base/asio.hpp"
#include "weir/base/debug_log.hpp"
#include "weir/base/time.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::server {

class LogLevel {
 public:
  using Level = telemetry::log::Level;
  using Component = debug_log::Component;

  explicit LogLevel(asio::io_context& main)
      : all_(main), components_{{Setting(main), Setting(main), Setting(main)}} {}

  // What the file says, without changing anything: it was set when the log was started.
  void begin(Level in_file) noexcept { in_file_ = in_file; }
  // An operator's setting for everything; what was set for single components ends. With `time` the
  // file's level is back after it; without, it stays until another set() or a reload that changes
  // the file's level.
  void set(Level level, std::optional<Duration> time);
  // The same for the steps of one component. After `time` they have the level of the rest again.
  void set(Component component, Level level, std::optional<Duration> time);
  // Another configuration is in force. If its level is another one than before, everything that an
  // operator has set ends; otherwise only what was set for a time.
  void reloaded(Level in_file);

  Level in_file() const noexcept { return in_file_; }
  // When the file's level is back, if one was set for a time.
  std::optional<TimePoint> until() const { return all_.until(); }

  // What is set for the steps of this component, if something is.
  struct OfComponent {
    Level level;
    std::optional<TimePoint> until;
  };
  std::optional<OfComponent> of(Component component) const;
  // The timers fire no more.
  void stop();

 private:
  class Setting {
   public:
    explicit Setting(asio::io_context& main) : timer_(main) {}
    // `over` is called after `time`, unless this is set again or ended before.
    void set(Level level, std::optional<Duration> time, std::function<void()> over);
    void end();
    bool for_a_time() const noexcept { return for_a_time_; }
    std::optional<Level> level() const noexcept { return level_; }
    std::optional<TimePoint> until() const;

   private:
    asio::steady_timer timer_;
    std::optional<Level> level_;
    bool for_a_time_ = false;
    std::uint64_t times_set_ = 0;  // a timer that fired but has not run yet is of an earlier one
  };

  Setting& at(Component component) noexcept {
    return components_[static_cast<std::size_t>(component)];
  }
  void apply_components() const noexcept;

  Setting all_;
  std::array<Setting, debug_log::component_names.size()> components_;
  Level in_file_ = Level::info;
};

}  // namespace weir::server
