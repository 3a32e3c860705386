// What the last handler of a route asks before it answers: by then the chain has set the limit.
#pragma once

#include "weir/http/exchange.hpp"

namespace weir::proxy {

// Whether the content is said to be longer than this exchange allows.
inline bool content_is_too_long(const RequestHead& head, const Exchange& exchange) noexcept {
  return exchange.decisions.body_limit != 0 && head.framing == Framing::length &&
         head.content_length > exchange.decisions.body_limit;
}

}  // namespace weir::proxy
