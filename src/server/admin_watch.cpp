#include "server/admin_watch.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iterator>
#include <new>

namespace weir::server {
namespace {

// A watcher whose host is gone says nothing, and while no request comes nothing is sent to it: the
// kernel finds out within a minute. A unix: socket needs none of this and refuses it.
void find_out_when_gone(int fd) noexcept {
  const auto set = [fd](int level, int name, int value) {
    ::setsockopt(fd, level, name, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
}

// Takes its entry out of a list when the coroutine ends, also when it is destroyed in a wait.
template <class List>
struct Entry {
  List& list;
  typename List::iterator at;
  ~Entry() { list.erase(at); }
};

}  // namespace

void AdminWatches::One::take() {
  if (const std::uint64_t lost = watch.take(lines)) {
    lines += "{\"lost\":" + std::to_string(lost) + "}\n";
  }
}

asio::awaitable<void> AdminWatches::send(AdminStream& stream, telemetry::AccessWatch& watch,
                                         Duration patience, std::function<void()> moved) {
  all_.push_back({.stream = stream, .watch = watch, .lines = {}});
  const Entry<std::list<One>> entry{all_, std::prev(all_.end())};
  One& one = *entry.at;
  find_out_when_gone(stream.socket().native_handle());

  // Whether there is something to read: the peer's end, most likely. It may outlive this coroutine.
  const auto readable = std::make_shared<bool>(false);
  stream.socket().async_wait(AdminProtocol::socket::wait_read,
                             [readable](boost::system::error_code) { *readable = true; });
  asio::steady_timer next_look(co_await asio::this_coro::executor);
  boost::system::error_code error;
  while (!error && !*readable) {
    one.take();
    one.is_writing = true;
    for (std::size_t sent = 0; !error && sent < one.lines.size();) {
      stream.expires_after(patience);
      sent += co_await stream.async_write_some(asio::buffer(one.lines) + sent,
                                               asio::redirect_error(asio::use_awaitable, error));
      moved();
    }
    stream.expires_never();
    one.is_writing = false;
    if (error) break;
    next_look.expires_after(between_looks);
    co_await next_look.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

void AdminWatches::finish() noexcept {
  for (One& one : all_) {
    if (one.is_writing) continue;
    try {
      one.take();
    } catch (const std::bad_alloc&) {
      continue;
    }
    [[maybe_unused]] const ssize_t sent =
        ::send(one.stream.socket().native_handle(), one.lines.data(), one.lines.size(),
               MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

}  // namespace weir::server
