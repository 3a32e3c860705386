#include "server/log_level.hpp"

#include <utility>

namespace weir::server {

namespace log = telemetry::log;

void LogLevel::set(Level level, std::optional<Duration> time) {
  stop();
  log::set_level(level);
  if (!time) return;
  for_a_time_ = true;
  timer_.expires_after(*time);
  timer_.async_wait([this, word = words_](boost::system::error_code error) {
    if (error || word != words_) return;
    for_a_time_ = false;
    log::set_level(in_file_);
    log::info("log level reset to that of the file", {{"level", log::name(in_file_)}});
  });
}

void LogLevel::reloaded(Level in_file) {
  const bool changed = std::exchange(in_file_, in_file) != in_file;
  if (!changed && !for_a_time_) return;
  stop();
  log::set_level(in_file);
}

std::optional<TimePoint> LogLevel::until() const {
  return for_a_time_ ? std::optional(timer_.expiry()) : std::nullopt;
}

void LogLevel::stop() {
  for_a_time_ = false;
  ++words_;
  timer_.cancel();
}

}  // namespace weir::server
