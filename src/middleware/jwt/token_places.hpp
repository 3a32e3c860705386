// Where a request may carry its token (RFC 6750 section 2, or a cookie): finding it, and taking it
// out before the request goes on. Worker thread.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "weir/config/jwt.hpp"
#include "weir/http/head.hpp"

namespace weir {

struct OfferedToken {
  std::size_t count = 0;   // in all places together; two are one too many
  std::string_view token;  // the first; as long as the head
  std::size_t place = 0;   // where it stood, an index
};

// Authorization offers one only with the scheme Bearer; another field with or without it. Names of
// cookies are compared as they are, those in the query after percent-decoding.
OfferedToken find_token(RequestHead& head, std::span<const config::TokenPlace> places);
// How many there are.
std::size_t count_tokens(const RequestHead& head, std::span<const config::TokenPlace> places);

// Takes what `place` holds out of the head: the Bearer lines of Authorization or the whole of
// another field, every cookie and every query parameter of that name.
void remove_token(RequestHead& head, const config::TokenPlace& place);

}  // namespace weir
