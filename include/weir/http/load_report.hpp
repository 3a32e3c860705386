// What a server says of its load in the field endpoint-load-metrics of an answer (ORCA): `TEXT
// a=b,...` or `JSON {...}`. The field is an upstream's, which may be anybody's: bounded, strict, no
// allocation. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

namespace weir {

// 0 where it says nothing. All are finite and not negative.
struct LoadReport {
  double application_utilization = 0;  // of what it means to use at most; may be above 1
  double cpu_utilization = 0;          // the same of its CPUs
  double rps = 0;                      // requests a second, all clients' (rps_fractional)
  double eps = 0;                      // errors a second
};

enum class LoadReportFault : std::uint8_t {
  malformed,  // neither form, a name twice, a number that is none, or too long
  binary,     // `BIN ...`, a protobuf message, which is not read
};

// Longer ones are malformed, bytes.
inline constexpr std::size_t longest_load_report = 8192;

// Other metrics are passed over, but must be well-formed. In JSON names may be as in the protobuf
// message or in camel case, and values may nest 8 deep.
std::expected<LoadReport, LoadReportFault> parse_load_report(std::string_view field) noexcept;

}  // namespace weir
