// Bytes both ways between two byte streams after a 101, each direction with its own end, until both
// ended, one failed, or nothing moved for the idle time.
#pragma once

#include "weir/http/body.hpp"
#include "weir/http/exchange.hpp"
#include "weir/net/loop.hpp"

namespace weir::codec {

struct TunnelEnd {
  bool clean = false;  // both sides said FIN
  std::uint64_t from_client = 0;
  std::uint64_t to_client = 0;
};

Task<TunnelEnd> run_tunnel(net::Loop& loop, ByteStream& client, ByteStream& upstream);

}  // namespace weir::codec
