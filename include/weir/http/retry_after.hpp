// The Retry-After field of an answer (RFC 9110 section 10.2.3). Pure; any thread.
#pragma once

#include <ctime>
#include <optional>
#include <string_view>

#include "weir/base/time.hpp"

namespace weir {

// How long its sender wants to be left alone: seconds, or an IMF-fixdate against `now`; zero for
// one that is past, a day at most. Nothing for what is neither.
std::optional<Duration> parse_retry_after(std::string_view field, std::time_t now) noexcept;

}  // namespace weir
