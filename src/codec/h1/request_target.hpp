// The four forms of a request target (RFC 9112 section 3.2). Pure; any thread.
#pragma once

#include <expected>
#include <optional>
#include <string_view>

#include "codec/h1/head_parser.hpp"
#include "weir/http/head.hpp"

namespace weir::codec::h1 {

// Sets path and query from `head.target`, and of an absolute target the authority, unchecked but
// not empty and without user information. REQUIRES: method and target are set.
std::expected<void, Refusal> split_target(RequestHead& head);

// Whether a byte above 7F stands before the path, where a host may be: there it stands for nothing.
bool has_raw_authority(std::string_view target) noexcept;

// `target` with each byte above 7F as its percent escape, as a client that knows RFC 3986 sends it:
// valid UTF-8 or not, since such a client may send either. A view of `target` when it holds none;
// nothing when it becomes longer than `most` bytes.
std::optional<std::string_view> encode_raw_bytes(std::string_view target, std::size_t most,
                                                 Arena& arena);

}  // namespace weir::codec::h1
