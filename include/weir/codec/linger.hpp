// The end of a connection whose client may still be sending. Closing with bytes unread resets the
// connection, and with it the answer that the client has not read.
#pragma once

#include <cstddef>

#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/net/stream.hpp"

namespace weir::codec {

inline constexpr Duration longest_linger = std::chrono::seconds(10);
inline constexpr Duration linger_silence = std::chrono::seconds(2);
inline constexpr std::size_t most_lingered = 32 * 1024 * 1024;
// Connections of a thread that may linger at the same time; others are closed at once.
inline constexpr unsigned most_lingering = 1024;

// Sends the FIN (under TLS a close_notify before it), then takes and drops what comes until the
// client's FIN, two seconds of silence, `longest` in all, or 32 MiB. Holds no memory but its frame.
// The caller closes the stream. Worker thread; `stream` outlives it.
Task<> linger(net::Stream& stream, Duration longest = longest_linger);

}  // namespace weir::codec
