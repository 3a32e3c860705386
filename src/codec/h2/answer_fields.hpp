// The fields of an answer's head for an HTTP/2 client. Pure; any thread.
#pragma once

#include "codec/h2/field_block.hpp"
#include "weir/http/body.hpp"
#include "weir/http/head.hpp"

namespace weir::codec::h2 {

// Whether an answer to `request` has content, as far as method and status say.
bool has_content(const RequestHead& request, int status) noexcept;

// Adds `response`'s head to the empty `fields`: :status, Date and Content-Length where they are
// wanted. `tunnel`: the request was an extended CONNECT. What is added refers to `response`.
void add_answer(const Response& response, const RequestHead& request, bool tunnel,
                FieldBlock& fields);

}  // namespace weir::codec::h2
