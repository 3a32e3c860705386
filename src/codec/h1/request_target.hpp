// The four forms of a request target (RFC 9112 section 3.2). Pure; any thread.
#pragma once

#include <expected>

#include "codec/h1/head_parser.hpp"
#include "weir/http/head.hpp"

namespace weir::codec::h1 {

// Sets path and query from `head.target`, and of an absolute target the authority, unchecked but
// not empty and without user information. REQUIRES: method and target are set.
std::expected<void, Refusal> split_target(RequestHead& head);

}  // namespace weir::codec::h1
