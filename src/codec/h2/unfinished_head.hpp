// The head, or the trailers, of which a part has come over a client's connection, charged to what
// all unfinished heads of the process may take: it gives way when others need the room, and so does
// its connection, which can go on with nothing else. Owned by a connection, worker thread only.
#pragma once

#include <cstddef>

#include "weir/http/exchange.hpp"
#include "weir/http/head_memory.hpp"
#include "weir/net/stream.hpp"

namespace weir::codec::h2 {

class UnfinishedHead final : private HeadCharge {
 public:
  // `info` is the connection's; `stream` outlives it.
  UnfinishedHead(const ConnectionInfo& info, net::Stream& stream) noexcept
      : HeadCharge(info.heads, info.listener, info.peer), stream_(stream) {}

  // It holds so much by now, 0: there is none. False when there is no room for it.
  bool holds(std::size_t size) { return size == bytes() || set(size); }
  // It had to give way: the connection's reader, which was woken, ends the connection.
  using HeadCharge::gave_way;

 private:
  void give_way() noexcept override { stream_.nudge_reader(); }

  net::Stream& stream_;
};

}  // namespace weir::codec::h2
