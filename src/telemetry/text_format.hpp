// Numbers, labels and headings of the two text formats. Appending; pure.
#pragma once

#include <string>
#include <string_view>

#include "telemetry/families.hpp"

namespace weir::telemetry {

// The shortest form that reads back the same; +Inf, -Inf, NaN.
void append_number(std::string& out, double value);
// The bound of a bucket as its label shows it: OpenMetrics wants 1.0 where Prometheus has 1.
std::string bound_text(std::int64_t nanoseconds, TextFormat format);
// name="value", with backslash, quote and line feed escaped.
void append_label(std::string& out, std::string_view name, std::string_view value);
// HELP, TYPE, and UNIT where the format has it and the name tells it.
void append_heading(std::string& out, FamilyKind kind, std::string_view name, std::string_view help,
                    TextFormat format);
// ` # {trace_id="..."} value timestamp`, without a line feed.
void append_exemplar(std::string& out, const Exemplar& exemplar);

}  // namespace weir::telemetry
