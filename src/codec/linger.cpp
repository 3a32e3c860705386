#include "weir/codec/linger.hpp"

#include <algorithm>

#include "weir/net/turn_taking.hpp"

namespace weir::codec {
namespace {

// Of this thread.
class Lingering {
 public:
  Lingering() noexcept { ++count(); }
  ~Lingering() { --count(); }
  Lingering(const Lingering&) = delete;
  Lingering& operator=(const Lingering&) = delete;
  static unsigned& count() noexcept {
    thread_local unsigned lingering = 0;
    return lingering;
  }
};

}  // namespace

Task<> linger(net::Stream& stream, Duration longest) {
  stream.shutdown_write();
  if (Lingering::count() == most_lingering) co_return;
  const Lingering counted;
  net::Loop& loop = stream.loop();
  net::TurnTaking turns(loop);
  const Deadline end = loop.now() + longest;
  std::size_t taken = 0;
  while (taken < most_lingered && loop.now() < end) {
    const net::IoResult got = stream.discard(most_lingered - taken);
    taken += got.bytes;
    if (got.status == net::Io::ok) {
      if (turns.moved(got.bytes)) co_await turns.yield();
    } else if (got.status == net::Io::would_block) {
      const Deadline until = std::min(loop.now() + linger_silence, end);
      const net::Io ready = co_await stream.wait_readable(until);
      if (ready != net::Io::ok) co_return;
    } else {
      co_return;
    }
  }
}

}  // namespace weir::codec
