// The upstream's half of a WebSocket handshake (RFC 6455 section 4.2.2): a tunnel opens only when
// it answers the very key that the client sent. Pure.
#pragma once

#include "weir/codec/websocket.hpp"
#include "weir/http/head.hpp"

namespace weir::proxy {

using codec::websocket_accept;

// Whether `response` is a 101 that switches to WebSocket for `request`.
bool accepts_websocket(const RequestHead& request, const ResponseHead& response);

}  // namespace weir::proxy
