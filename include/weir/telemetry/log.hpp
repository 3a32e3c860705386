// Diagnostics on stderr: what the operator should know, a line each. Any thread; a call formats its
// line and hands it to a writer thread, and never waits for stderr: past 8192 lines the oldest are
// lost. Before start() and after stop() lines are written in place.
//
//   log::info("listening", {{"name", name}, {"address", address}});
//   -> 2026-01-02T03:04:05.678Z info listening name=http address=127.0.0.1:8080
#pragma once

#include <span>
#include <string_view>

#include "weir/base/debug_log.hpp"
#include "weir/base/log_field.hpp"
#include "weir/config/model.hpp"

namespace weir::telemetry::log {

using Level = config::LogLevel;
using Format = config::LogFormat;

using Field = LogField;
using Fields = LogFields;

// Starts the writer thread. Once, before the workers; not again after stop().
void start(Level level, Format format);
// Writes what is queued (not longer than stderr takes it) and ends the thread.
void stop();

// What is written from now on; any thread. The second is for the steps of one component alone,
// until the first is called, which is for all.
void set_level(Level level) noexcept;
void set_level(debug_log::Component component, Level level) noexcept;
void set_format(Format format) noexcept;
Level level() noexcept;
bool enabled(Level level) noexcept;

// A line; control characters, quotes and invalid UTF-8 in values are escaped, so no value can look
// like a field or a line of its own. Cut at 4 KiB.
void write(Level level, std::string_view message, std::span<const Field> fields);
inline void write(Level level, std::string_view message, Fields fields = {}) {
  write(level, message, std::span<const Field>(fields.begin(), fields.size()));
}

inline void trace(std::string_view m, Fields f = {}) { write(Level::trace, m, f); }
inline void debug(std::string_view m, Fields f = {}) { write(Level::debug, m, f); }
inline void info(std::string_view m, Fields f = {}) { write(Level::info, m, f); }
inline void warn(std::string_view m, Fields f = {}) { write(Level::warn, m, f); }
inline void error(std::string_view m, Fields f = {}) { write(Level::error, m, f); }

// "trace" ... "error"; nothing else is a level.
std::string_view name(Level level) noexcept;

}  // namespace weir::telemetry::log
