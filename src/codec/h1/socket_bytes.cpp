#include "codec/h1/socket_bytes.hpp"

#include <algorithm>

#include "weir/net/pieces.hpp"

namespace weir::codec::h1 {

bool SocketBytes::expired() const noexcept {
  return input_.stream().loop().now() >= clock_.idle_deadline();
}

void SocketBytes::abort(Reason reason) noexcept {
  if (aborted_ == Reason::none) aborted_ = reason;
  input_.stream().cancel();
}

Task<Result<Bytes>> SocketBytes::read() {
  if (aborted_ != Reason::none) co_return fail(aborted_, Side::internal);
  while (input_.empty()) {
    net::Io status = input_.fill();
    if (status == net::Io::would_block) {
      input_.release();
      status = co_await input_.stream().wait_readable(clock_.idle_deadline());
      // The other direction may have moved meanwhile.
      if (status == net::Io::timeout && !expired()) status = net::Io::ok;
      if (status == net::Io::ok) continue;
    }
    switch (status) {
      case net::Io::ok:
      case net::Io::would_block:
        break;
      case net::Io::eof:
        co_return Bytes{};
      case net::Io::timeout:
        co_return fail(Reason::request_timeout, Side::internal,
                       "no data in the tunnel for too long");
      case net::Io::cancelled:
        co_return fail(aborted_, Side::internal);
      case net::Io::error:
        co_return fail(Reason::client_closed, Side::downstream, "reset");
    }
  }
  clock_.last_activity = input_.stream().loop().now();
  const std::string_view bytes = input_.bytes();
  input_.consume(bytes.size());
  co_return as_bytes(bytes);
}

Task<Result<>> SocketBytes::write(Bytes bytes) {
  while (true) {
    if (aborted_ != Reason::none) co_return fail(aborted_, Side::internal);
    const iovec piece = net::piece(bytes);
    const net::IoResult result = input_.stream().try_write({&piece, 1});
    if (result.bytes != 0) clock_.last_activity = input_.stream().loop().now();
    if (result.status == net::Io::ok) co_return Result<>{};
    if (result.status == net::Io::error) co_return fail(Reason::client_closed, Side::internal);
    bytes = bytes.subspan(result.bytes);
    const net::Io ready = co_await input_.stream().wait_writable(clock_.idle_deadline());
    if (ready == net::Io::cancelled) co_return fail(aborted_, Side::internal);
    if (ready == net::Io::timeout && expired()) {
      co_return fail(Reason::request_timeout, Side::internal, "no data in the tunnel for too long");
    }
  }
}

}  // namespace weir::codec::h1
