// The upstream's half of a WebSocket handshake (RFC 6455 section 4.2.2): a tunnel opens only when
// it answers the very key that the client sent. Pure.
#pragma once

#include <string>
#include <string_view>

#include "weir/http/head.hpp"

namespace weir::proxy {

// The Sec-WebSocket-Accept that belongs to a key.
std::string websocket_accept(std::string_view key);

// Whether `response` is a 101 that switches to WebSocket for `request`.
bool accepts_websocket(const RequestHead& request, const ResponseHead& response);

}  // namespace weir::proxy
