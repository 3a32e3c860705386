// The fields of a request as its upstream sees them: written by who forwards it, and by who
// explains what would be forwarded.
#pragma once

#include <string_view>

#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/middleware/header_rewrite.hpp"

namespace weir::proxy {

// Puts back what of the connection's fields goes on (Upgrade, TE), says who the request is from and
// through whom it came, and makes the route's own `changes` last, so that they hold for our own
// fields, too. REQUIRES: what an untrusted peer may not say and the hop-by-hop fields have been
// removed; the head's upgrade_websocket says whether the handshake goes on. `via_name` is "" when
// no Via is added.
void write_fields(Request& request, const Exchange& exchange, std::string_view via_name,
                  const HeaderRewrite& changes);

}  // namespace weir::proxy
