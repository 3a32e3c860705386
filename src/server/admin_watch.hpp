// The answer to GET /access_log: lines of the access log as they come, without an end. Main thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "weir/base/asio.hpp"
#include "weir/base/time.hpp"
#include "weir/telemetry/access_tap.hpp"

namespace weir::server {

using AdminProtocol = asio::generic::stream_protocol;
using AdminStream = boost::beast::basic_stream<AdminProtocol>;

// All who are being sent lines.
class AdminWatches {
 public:
  // How often a watcher is looked after: its lines are at most so old when they are sent.
  static constexpr Duration between_looks = std::chrono::milliseconds(50);

  AdminWatches() = default;
  AdminWatches(const AdminWatches&) = delete;
  AdminWatches& operator=(const AdminWatches&) = delete;

  // Sends what `watch` sees until the peer leaves, says something more, or takes nothing for
  // `patience`. Lines of which some were lost are followed by {"lost":N}. `moved` is called
  // whenever bytes went out. REQUIRES: the answer's head was sent.
  asio::awaitable<void> send(AdminStream& stream, telemetry::AccessWatch& watch, Duration patience,
                             std::function<void()> moved);

  // The process ends: sends what each watcher has not got yet, as far as that is taken at once.
  void finish() noexcept;

 private:
  struct One {
    AdminStream& stream;
    telemetry::AccessWatch& watch;
    std::string lines;
    bool is_writing = false;

    void take();
  };

  std::list<One> all_;
};

}  // namespace weir::server
