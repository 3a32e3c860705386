#include "server/proxy_header.hpp"

#include <array>
#include <span>

#include "weir/net/proxy_protocol.hpp"

namespace weir::server {

Task<std::string> read_proxy_header(net::Stream& stream, Deadline until, ConnectionInfo& info) {
  // Looked at first and then taken to the byte: what follows belongs to the next protocol.
  net::Loop& loop = stream.loop();
  Buffer buffer = stream.loop().buffers().borrow();
  while (co_await stream.wait_readable(until) == net::Io::ok) {
    const net::IoResult seen = stream.try_peek(buffer.span());
    if (seen.status == net::Io::ok) {
      const std::string_view bytes(reinterpret_cast<const char*>(buffer.data()), seen.bytes);
      const auto header = net::parse_proxy_header(bytes);
      if (!header) co_return header.error();
      if (header->size != 0) {
        stream.try_read(buffer.span().first(header->size));
        if (header->source) info.peer = *header->source;
        if (header->destination) info.local = *header->destination;
        co_return std::string();
      }
      if (stream.peer_closed()) co_return std::string("closed before a whole PROXY header");
      stream.await_more();
    } else if (seen.status != net::Io::would_block) {
      co_return std::string("closed before a whole PROXY header");
    }
  }
  co_return loop.now() >= until ? std::string("no whole PROXY header within handshake_timeout")
                                : std::string("closed before a whole PROXY header");
}

}  // namespace weir::server
