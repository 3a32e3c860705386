#include "codec/h2/linger.hpp"

#include <cstddef>

#include "weir/base/buffer.hpp"
#include "weir/net/loop.hpp"

namespace weir::codec::h2 {

Task<> linger(net::Stream& stream, Duration time) {
  constexpr std::size_t most_taken = std::size_t{256} * 1024;
  net::Loop& loop = stream.loop();
  stream.shutdown_write();
  const Deadline until = loop.now() + time;
  std::size_t taken = 0;
  while (taken < most_taken && loop.now() < until) {
    net::Io status = net::Io::ok;
    {
      Buffer buffer = loop.buffers().borrow();
      const net::IoResult got = stream.try_read(buffer.span());
      status = got.status;
      taken += got.bytes;
    }
    if (status == net::Io::would_block) status = co_await stream.wait_readable(until);
    if (status != net::Io::ok) break;
  }
}

}  // namespace weir::codec::h2
