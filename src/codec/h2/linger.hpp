// The end of a client's connection after its last frame. Worker thread only.
#pragma once

#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/net/stream.hpp"

namespace weir::codec::h2 {

// Sends the FIN and takes what still comes, until the client's own, for `time` or 256 KiB, so that
// what was said last is read and not reset away. Neither closes the stream.
Task<> linger(net::Stream& stream, Duration time);

}  // namespace weir::codec::h2
