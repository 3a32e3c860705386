// Diagnostics on stderr: what the operator should know, a line each. Any thread; a call formats its
// line and hands it to a writer thread, and never waits for stderr: past 8192 lines the oldest are
// lost. Before start() and after stop() lines are written in place.
//
//   log::info("listening", {{"name", name}, {"address", address}});
//   -> 2026-01-02T03:04:05.678Z info listening name=http address=127.0.0.1:8080
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "weir/config/model.hpp"

namespace weir::telemetry::log {

using Level = config::LogLevel;
using Format = config::LogFormat;

// A named value; views need to live only during the call.
struct Field {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  template <std::signed_integral T>
  Field(std::string_view k, T v) : key(k), value(static_cast<std::int64_t>(v)) {}
  template <std::unsigned_integral T>
  Field(std::string_view k, T v) : key(k), value(static_cast<std::uint64_t>(v)) {}

  std::string_view key;  // a literal: not escaped
  Value value;
};
using Fields = std::initializer_list<Field>;

// Starts the writer thread. Once, before the workers; not again after stop().
void start(Level level, Format format);
// Writes what is queued (not longer than stderr takes it) and ends the thread.
void stop();

// What is written from now on; any thread.
void set_level(Level level) noexcept;
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
