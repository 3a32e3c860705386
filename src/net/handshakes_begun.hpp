// Which TCP handshakes are under way, as the kernel tells (sock_diag(7)).
#pragma once

#include <cstdint>
#include <optional>

namespace weir::net {

// Whether a client has sent its SYN to `port`, at any address of the family, and the handshake is
// not complete: the accept queue does not have it yet. Nothing where the kernel does not tell.
// Takes a pass over the kernel's table of connections; any thread.
std::optional<bool> handshakes_begun(int family, std::uint16_t port);

}  // namespace weir::net
