#include "server/log_level.hpp"

#include <utility>

namespace weir::server {

namespace log = telemetry::log;

void LogLevel::Setting::set(Level level, std::optional<Duration> time, std::function<void()> over) {
  end();
  level_ = level;
  if (!time) return;
  for_a_time_ = true;
  timer_.expires_after(*time);
  timer_.async_wait(
      [this, number = times_set_, over = std::move(over)](boost::system::error_code error) {
        if (error || number != times_set_) return;
        end();
        over();
      });
}

void LogLevel::Setting::end() {
  level_.reset();
  for_a_time_ = false;
  ++times_set_;
  timer_.cancel();
}

std::optional<TimePoint> LogLevel::Setting::until() const {
  return for_a_time_ ? std::optional(timer_.expiry()) : std::nullopt;
}

void LogLevel::set(Level level, std::optional<Duration> time) {
  for (Setting& each : components_) each.end();
  all_.set(level, time, [this] {
    log::set_level(in_file_);
    apply_components();
    log::info("log level reset to that of the file", {{"level", log::name(in_file_)}});
  });
  log::set_level(level);
}

void LogLevel::set(Component component, Level level, std::optional<Duration> time) {
  at(component).set(level, time, [this, component] {
    log::set_level(component, log::level());
    log::info("log level of a component reset",
              {{"component", debug_log::name(component)}, {"level", log::name(log::level())}});
  });
  log::set_level(component, level);
}

void LogLevel::reloaded(Level in_file) {
  const bool changed = std::exchange(in_file_, in_file) != in_file;
  for (Setting& each : components_) {
    if (changed || each.for_a_time()) each.end();
  }
  if (changed || all_.for_a_time()) {
    all_.end();
    log::set_level(in_file);
  } else {
    // For the components whose own level has ended.
    log::set_level(log::level());
  }
  apply_components();
}

std::optional<LogLevel::OfComponent> LogLevel::of(Component component) const {
  const Setting& setting = components_[static_cast<std::size_t>(component)];
  if (!setting.level()) return std::nullopt;
  return OfComponent{*setting.level(), setting.until()};
}

void LogLevel::stop() {
  all_.end();
  for (Setting& each : components_) each.end();
}

// After log::set_level() for all, which is for the components, too.
void LogLevel::apply_components() const noexcept {
  for (std::size_t i = 0; i < components_.size(); ++i) {
    if (const auto level = components_[i].level()) {
      log::set_level(static_cast<Component>(i), *level);
    }
  }
}

}  // namespace weir::server
