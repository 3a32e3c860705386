// What a client of a plain port begins to say, where HTTP/1 and HTTP/2 by prior knowledge share it
// (RFC 9113 section 3.4). Worker thread.
#pragma once

#include <cstdint>

#include "weir/base/task.hpp"
#include "weir/net/stream.hpp"

namespace weir::codec {

enum class Preface : std::uint8_t { nothing, http1, h2 };

// Looks at the first bytes without taking them; nothing: the client left or said nothing in
// `patience`, or in a second of it once `draining` (nudge_reader() makes it look at that).
// REQUIRES: no TLS.
Task<Preface> recognise(net::Stream& stream, Duration patience, const bool& draining);

}  // namespace weir::codec
