// Why requests are shed. Values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::control {

enum class ShedCause : std::uint8_t {
  lag,          // the worker is late
  memory,       // of the cgroup or of the machine
  connections,  // open ones of those allowed
  saturation,   // the worker is busy
  rate,         // calls to the upstream
  p95,          // of the time until the upstream's heads
};
inline constexpr std::size_t shed_cause_count = 6;

constexpr std::string_view name(ShedCause cause) noexcept {
  constexpr std::array<std::string_view, shed_cause_count> names{
      "lag", "memory", "connections", "saturation", "rate", "p95"};
  return names[static_cast<std::size_t>(cause)];
}

}  // namespace weir::control
