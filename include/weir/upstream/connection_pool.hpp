// Connections to one endpoint that wait for their next request, last in first out, on one worker.
// One that hears anything while idle (a FIN, stray bytes) is closed at once; the oldest go when
// their idle time is over. One a worker and endpoint, that worker's thread only, size() aside.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "weir/base/time.hpp"
#include "weir/net/stream.hpp"
#include "weir/net/timer_wheel.hpp"

namespace weir::upstream {

class ConnectionPool;

// A stream to an upstream, from its connect to its close, leased or idle.
class Connection final : private net::StreamObserver {
 public:
  // `made_under`: which of the TLS settings that its worker has seen of the upstream. From `ends`
  // on it carries no further request.
  explicit Connection(std::unique_ptr<net::Stream> stream, std::uint64_t made_under = 0,
                      Deadline ends = no_deadline) noexcept
      : stream_(std::move(stream)), made_under_(made_under), ends_(ends) {}
  net::Stream& stream() noexcept { return *stream_; }
  std::uint64_t made_under() const noexcept { return made_under_; }

 private:
  friend class ConnectionPool;
  void on_unread_edge(std::uint8_t ready) noexcept override;

  std::unique_ptr<net::Stream> stream_;
  const std::uint64_t made_under_;
  const Deadline ends_;
  ConnectionPool* pool_ = nullptr;  // while idle
  Connection* newer_ = nullptr;
  Connection* older_ = nullptr;
  TimePoint idle_since_{};
};

class ConnectionPool final : private net::Timer {
 public:
  ConnectionPool() = default;
  ~ConnectionPool() override { clear(); }

  // Keeps `connection` for at most `idle_timeout` (zero: for ever) from `now`, or closes it: when
  // something unread is there, the peer has left, it is too old, or `most` are kept already.
  void put(std::unique_ptr<Connection> connection, TimePoint now, Duration idle_timeout,
           std::size_t most) noexcept;
  // The one used last that is not too old, null when there is none.
  std::unique_ptr<Connection> take(TimePoint now) noexcept;
  // Whether take() has one. Closes those that are too old on the way.
  bool has_any(TimePoint now) noexcept {
    if (newest_ != nullptr && now >= newest_->ends_) [[unlikely]]
      drop_aged(now);
    return newest_ != nullptr;
  }
  // Closes all.
  void clear() noexcept;

  // Any thread.
  std::uint32_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

 private:
  friend class Connection;
  void expire(TimePoint now) noexcept override;
  void drop(Connection& connection) noexcept;
  void drop_aged(TimePoint now) noexcept;
  void unlink(Connection& connection) noexcept;
  void bury() noexcept {
    while (closed_ != nullptr) [[unlikely]]
      bury_one();
  }
  void bury_one() noexcept;
  void set_size(std::uint32_t size) noexcept { size_.store(size, std::memory_order_relaxed); }

  Connection* newest_ = nullptr;
  Connection* oldest_ = nullptr;
  Connection* closed_ = nullptr;  // closed under their observer, not destroyed yet; by older_
  Duration idle_timeout_{};
  std::atomic<std::uint32_t> size_{0};  // written by the worker alone
};

}  // namespace weir::upstream
