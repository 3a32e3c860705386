// A trickle of requests to the demo's own gateway, over real sockets, so that there is something to
// see: two a second, and four more for v2 while somebody wants to see what becomes of that. At most
// eight are on their way. On one thread, that of the io_context.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <string>

#include "weir/base/asio.hpp"
#include "weir/base/ip.hpp"
#include "weir/base/time.hpp"

namespace weir::app {

class DemoTraffic {
 public:
  // `gateway`: where to connect. `token`: for the route that asks for one. REQUIRES: `io` runs no
  // more when it is destroyed.
  DemoTraffic(asio::io_context& io, SocketAddress gateway, std::string token);
  DemoTraffic(const DemoTraffic&) = delete;
  DemoTraffic& operator=(const DemoTraffic&) = delete;

  void start() { tick(); }
  void set_on(bool on) noexcept { on_ = on; }
  bool is_on() const noexcept { return on_; }
  // Asks v2 for so long, whether the traffic is on or off.
  void ask_v2_for(Duration time) noexcept { ask_v2_until_ = Clock::now() + time; }

 private:
  void tick();
  void send(std::string request);
  asio::awaitable<void> exchange(std::string request) const;

  asio::io_context& io_;
  const SocketAddress gateway_;
  const std::string token_;
  asio::steady_timer timer_;
  bool on_ = false;
  TimePoint ask_v2_until_{};
  std::size_t ticks_ = 0;
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
};

}  // namespace weir::app
