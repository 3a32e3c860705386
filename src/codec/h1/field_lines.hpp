// The field lines of a head or a trailer section, up to its empty line. Pure; any thread.
#pragma once

#include <expected>
#include <limits>
#include <string>
#include <string_view>

#include "codec/h1/head_parser.hpp"
#include "weir/http/header_map.hpp"

namespace weir::codec::h1 {

struct FieldRules {
  std::size_t header_size;  // what `HeadProgress::size` may reach
  std::size_t header_count;
  std::size_t line_size = std::numeric_limits<std::size_t>::max();
  Underscores underscores = Underscores::keep;
  bool bare_lf = false;  // ends a line, too; `HeadProgress::bare_lf` tells that one did
  Reason malformed = Reason::bad_request;
  Reason too_large = Reason::headers_too_large;
};

// Reads on from `at.line`; true when the empty line was there, which is then consumed, and false
// when more is needed. All complete lines are added to `out`, whose arena holds their copies; on a
// refusal, too. Every fault is found at the byte that makes it one, so a section that comes in
// pieces ends as one that comes at once.
std::expected<bool, Refusal> read_field_lines(std::string_view bytes, const FieldRules& rules,
                                              HeadProgress& at, HeaderMap& out);

// `text` in quotes for a detail, hostile bytes as \xHH, cut off after 64 bytes.
std::string quoted(std::string_view text);

// Why a field with an underscore in its name is refused, and which key changes that. `name` is a
// token.
std::string underscore_detail(std::string_view name);

// The one way to build a refusal, kept out of the hot path.
std::unexpected<Refusal> refuse(Reason reason, std::string detail);

}  // namespace weir::codec::h1
