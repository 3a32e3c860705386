// Copies text into a line so that it cannot end its field or the line. Nearly all text is clean
// ASCII: it is copied and checked 16 bytes at a time, and only what fails is looked at closely.
// `out` must hold escaped_limit(text.size()) bytes. Any thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace weir::telemetry {

constexpr std::size_t escaped_limit(std::size_t length) noexcept { return length * 6; }

// Copies `text` to `out`; false if it has a byte outside 20..7E, a quote or a backslash (what was
// copied is then to be overwritten).
bool copy_clean(char* out, std::string_view text) noexcept;

// As base's append_json_escaped; `scratch` is overwritten. Returns the end of what was written.
char* put_json_slowly(char* out, std::string_view text, std::string& scratch);
inline char* put_json(char* out, std::string_view text, std::string& scratch) {
  return copy_clean(out, text) ? out + text.size() : put_json_slowly(out, text, scratch);
}

// As nginx escapes in its logs: \xHH for every byte that is not clean.
char* put_hex_escaped(char* out, std::string_view text) noexcept;

}  // namespace weir::telemetry
