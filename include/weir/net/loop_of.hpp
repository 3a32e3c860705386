// The loop of the worker that a connection belongs to. REQUIRES: the connection has one.
#pragma once

#include "weir/http/exchange.hpp"
#include "weir/net/loop.hpp"

namespace weir::net {

inline Loop& loop_of(const ConnectionInfo& connection) noexcept {
  return static_cast<Loop&>(*connection.loop);
}
inline Loop& loop_of(const Exchange& exchange) noexcept {
  return loop_of(exchange.context.connection);
}

}  // namespace weir::net
