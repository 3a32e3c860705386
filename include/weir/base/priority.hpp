// How important a request is when there is too much: the lower it is, the earlier it is refused.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

enum class Priority : std::uint8_t { low, normal, high, critical };
inline constexpr std::size_t priority_count = 4;

// "low", as the configuration writes it.
constexpr std::string_view name(Priority priority) noexcept {
  constexpr std::array<std::string_view, priority_count> names{"low", "normal", "high", "critical"};
  return names[static_cast<std::size_t>(priority)];
}

}  // namespace weir
