// What the fields of a head mean for its message, the same for requests and responses: where the
// content ends (RFC 9112 section 6) and what becomes of the connection (section 9). Pure; any
// thread.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "codec/h1/head_parser.hpp"
#include "weir/http/head.hpp"

namespace weir::codec::h1 {

// The value of a Content-Length: digits alone, below 2^63, beyond which others count in signed
// numbers.
std::optional<std::uint64_t> parse_content_length(std::string_view value) noexcept;

// What the two framing fields said.
struct FramingFields {
  std::string_view content_length;
  std::string_view transfer_encoding;
  unsigned content_lengths = 0;
  unsigned transfer_encodings = 0;
};

struct Content {
  Framing framing = Framing::none;  // none, length or chunked; none: neither field came
  std::uint64_t length = 0;
};

// Refuses whatever two recipients might read differently: bad_request, and not_implemented for
// codings other than chunked that end in chunked.
std::expected<Content, Refusal> decide_content(const FramingFields& fields, Version version);

struct ConnectionOptions {
  unsigned count = 0;
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;

  bool persistent(Version version) const noexcept {
    return !close && (version != Version::http10 || keep_alive);
  }
};

// More than these in a head's Connection fields are refused.
inline constexpr unsigned most_connection_options = 32;

// Joins one Connection field to `options`; false if it is no list of tokens or there are too many.
bool add_connection_options(std::string_view value, ConnectionOptions& options) noexcept;

}  // namespace weir::codec::h1
