// Keeps secrets in queries out of the log. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace weir::telemetry {

// Appends `query` (without "?") with the values of access_token, token, key, password and sig
// replaced by REDACTED. Names are compared percent-decoded and in any case; parameters end at `&`
// and, since some servers read it so, at `;`.
void append_redacted(std::string& out, std::string_view query);

}  // namespace weir::telemetry
