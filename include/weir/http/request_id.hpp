// The id by which a request is found again in logs and at the upstream. Random bytes are drawn in
// blocks per thread: no system call a request. Any thread.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "weir/http/exchange.hpp"

namespace weir {

// A random UUID (RFC 9562 section 5.4) as text. Throws std::runtime_error when the system has no
// randomness to give.
void write_uuid(std::span<char, 36> out);

// 1 to 36 characters of [A-Za-z0-9._-].
bool is_valid_request_id(std::string_view id) noexcept;

// Gives the exchange its id: a trusted peer's own X-Request-Id if it sent one that is valid,
// otherwise a new one.
void assign_request_id(Exchange& exchange, const HeaderMap& headers);

}  // namespace weir
