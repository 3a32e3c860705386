// What a collector answers to an export, and what follows from it (OTLP 1.x over HTTP). Pure; any
// thread; every text from outside ends here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/time.hpp"

namespace weir::tracing {

// partial_success of an ExportTraceServiceResponse: what was not taken of a batch that was.
struct PartialSuccess {
  std::uint64_t rejected = 0;  // spans
  std::string message;         // why; may be a warning where nothing was rejected
};
// Nothing of it for a text that is none.
PartialSuccess parse_export_reply(std::string_view body);

// Whether the same batch may be taken later: 429, 502, 503 and 504.
constexpr bool is_retryable(long status) noexcept {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

// How long to wait before the `attempt`th send of a batch (2: the second) when nobody says: a
// second, twice as long each time, 30 s at most; half of it by `chance`, evenly anything.
Duration export_pause(unsigned attempt, std::uint64_t chance) noexcept;

}  // namespace weir::tracing
