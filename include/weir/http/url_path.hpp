// The one normalisation of request paths; its result is both matched and forwarded (RFC 3986
// section 6.2.2). Pure; any thread.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/arena.hpp"

namespace weir {

struct NormalPath {
  std::string_view path;       // the input itself when it was normal already, else in the arena
  bool encoded_slash = false;  // %2F or %5C is in it
  bool parameters = false;     // a segment has path parameters: a ';' or %3B is in it
};

// Unreserved characters decoded, hex in upper case, dot segments removed (RFC 3986 section 5.2.4),
// then empty segments merged unless `keep_empty`; a trailing slash stays. Fails, with a detail for
// the 400, on: a path not starting with '/', %00, a bad percent escape, `..` above the root,
// segments starting with `.;` or `..;` (also once decoded, `%3B` included), a raw backslash, `#`,
// space, controls, bytes above 7E. Other raw bytes 21-7E pass as they came.
std::expected<NormalPath, std::string_view> normalise_path(std::string_view path, bool keep_empty,
                                                           Arena& arena);

// A path in normal form as routes see it. Servers differ in whether the parameters of a segment
// (what follows its first ';', RFC 3986 section 3.3) are a part of its name; many drop them, also
// when the ';' is encoded. Both have the same number of segments.
struct MatchedPath {
  std::string_view bare;  // without parameters
  std::string_view full;  // with them, every ';' unencoded
};

// Segments of which nothing is left without their parameters are as good as empty ones: they are
// left out of both, unless `keep_empty` or the last. In the arena. REQUIRES: path->parameters.
MatchedPath matched_path(std::string_view path, bool keep_empty, Arena& arena);
// A segment in normal form without its parameters.
std::string_view without_parameters(std::string_view segment) noexcept;
// A text with ';' for each %3B, in the arena, or itself if it has none.
std::string_view decode_semicolons(std::string_view text, Arena& arena);
// A path in normal form with '/' for each %2F and %5C, in the arena. It is not in normal form
// itself.
std::string_view decode_slashes(std::string_view path, Arena& arena);

// Percent-decodes a query component ('+' stays '+'); bad escapes stay as they are.
std::string percent_decode(std::string_view text);
// The same into `out`, which has room for text.size() bytes; returns how many were written.
std::size_t percent_decode(std::string_view text, char* out) noexcept;
// percent_decode(text) == plain, without allocating.
bool decodes_to(std::string_view text, std::string_view plain) noexcept;

// The value of the first `name` in a query of `&`-separated pairs, names compared decoded; nothing
// if absent. The value is as sent. ';' does not separate.
std::optional<std::string_view> query_value(std::string_view query, std::string_view name) noexcept;

}  // namespace weir
