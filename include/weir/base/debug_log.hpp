// The steps of connections and tries, a line each, for whoever looks for a fault. Rooms below the
// one that writes lines (telemetry/log) say theirs here. Any thread. Where nobody listens a step
// costs a load and a branch:
//
//   if (debug_log::on(Component::upstream, debug_log::Level::debug)) {
//     debug_log::write(Component::upstream, debug_log::Level::debug, "connect failed",
//                      {{"upstream", name}, {"error", errno_name(error)}});
//   }
//   -> debug connect failed component=upstream upstream=app error=ECONNREFUSED
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "weir/base/log_field.hpp"

namespace weir::debug_log {

enum class Component : std::uint8_t {
  client,    // clients' connections, and what becomes of requests
  http2,     // resets and GOAWAYs of both sides
  upstream,  // choice of an endpoint, connects, connections kept and given up
};
inline constexpr std::array<std::string_view, 3> component_names{"client", "http2", "upstream"};
// "client, http2 or upstream".
std::string component_list();
std::optional<Component> component(std::string_view name) noexcept;
constexpr std::string_view name(Component component) noexcept {
  return component_names[static_cast<std::size_t>(component)];
}

enum class Level : std::uint8_t { trace, debug, off };

namespace internal {
extern std::array<std::atomic<Level>, component_names.size()> levels;
}

inline bool on(Component component, Level level) noexcept {
  return level >=
         internal::levels[static_cast<std::size_t>(component)].load(std::memory_order_relaxed);
}
// What is written of a component from now on.
void set_level(Component component, Level level) noexcept;

// A line, with the component as its first field. Without memory it is lost.
void write(Component component, Level level, std::string_view message, LogFields fields) noexcept;

// Where lines go; null for nowhere. Before the threads that write them.
using Sink = void (*)(Level level, std::string_view message, std::span<const LogField> fields);
void set_sink(Sink sink) noexcept;

}  // namespace weir::debug_log
