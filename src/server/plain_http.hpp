// A client that speaks plain HTTP to a port of TLS: it is told so, in plain text.
#pragma once

#include "weir/base/task.hpp"
#include "weir/base/time.hpp"
#include "weir/net/stream.hpp"

namespace weir::server {

// Whether the client begins with a request of HTTP/1: a method and a space, where TLS would have a
// record. Takes nothing of it. False also when nothing comes until then. REQUIRES: no TLS yet.
Task<bool> speaks_plain_http(net::Stream& stream, Deadline until);

// Answers 400 and lingers; the caller closes.
Task<> refuse_plain_http(net::Stream& stream);

}  // namespace weir::server
