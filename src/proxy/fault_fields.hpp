// What a trusted caller asks for by x-weir-fault-delay and x-weir-fault-abort. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "weir/base/time.hpp"

namespace weir::proxy {

// Digits and nothing or "ms", or "s"; at most a minute.
std::optional<Duration> parse_fault_delay(std::string_view text) noexcept;
// 200 to 599.
std::optional<int> parse_fault_status(std::string_view text) noexcept;

}  // namespace weir::proxy
