#include "weir/codec/tunnel.hpp"

#include <new>
#include <utility>

#include "weir/net/task_group.hpp"
#include "weir/net/turn_taking.hpp"

namespace weir::codec {
namespace {

Task<bool> pump(net::Loop& loop, ByteStream& from, ByteStream& to, std::uint64_t& moved) {
  net::TurnTaking turns(loop);
  while (true) {
    const auto piece = co_await from.read();
    if (!piece) co_return false;
    if (piece->empty()) break;
    const auto written = co_await to.write(*piece);
    if (!written) co_return false;
    moved += piece->size();
    if (turns.moved(piece->size())) co_await turns.yield();
  }
  to.shutdown_write();
  co_return true;
}

Task<> pump_or_end(net::Loop& loop, ByteStream& from, ByteStream& to, std::uint64_t& moved,
                   bool& clean) {
  try {
    clean = co_await pump(loop, from, to, moved);
  } catch (const std::bad_alloc&) {
    // It has failed.
  }
  // A direction that failed takes the other with it; one that ended leaves it open (half-close).
  if (!clean) {
    from.abort(Reason::client_closed);
    to.abort(Reason::client_closed);
  }
}

}  // namespace

Task<TunnelEnd> run_tunnel(net::Loop& loop, ByteStream& client, ByteStream& upstream) {
  TunnelEnd end;
  bool clean_up = false;
  bool clean_down = false;
  net::TaskGroup group(loop);
  // Nothing is begun before there is memory for all of it.
  Task<> down = pump_or_end(loop, upstream, client, end.to_client, clean_down);
  Task<bool> joined = group.join();
  group.spawn(pump_or_end(loop, client, upstream, end.from_client, clean_up));
  co_await std::move(down);
  co_await std::move(joined);
  end.clean = clean_up && clean_down;
  co_return end;
}

}  // namespace weir::codec
