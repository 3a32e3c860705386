// The one computation of RFC 6455's handshake, for whoever checks it or has to make it up. Pure.
#pragma once

#include <string>
#include <string_view>

namespace weir::codec {

// The Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 section 4.2.2).
std::string websocket_accept(std::string_view key);

}  // namespace weir::codec
