// The HTTP/2 connections of one worker to one endpoint: places on them for requests, those who
// wait for one in turn, and who connects when there are too few. A connection that goes away is no
// longer counted, so another is opened beside it while it finishes. That worker's thread only.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "weir/base/result.hpp"
#include "weir/codec/h2/client_connection.hpp"
#include "weir/http/exchange.hpp"
#include "weir/net/loop.hpp"
#include "weir/net/timer_wheel.hpp"
#include "weir/net/waiter.hpp"

namespace weir::upstream {

class SessionPool;

// A connection in the pool. A place on it is held by a lease.
struct PooledSession {
  SessionPool& pool;
  std::unique_ptr<codec::h2::ClientConnection> connection;
  std::size_t places = 0;       // held
  bool used = false;            // has carried a request
  bool leaving = false;         // carries no further one
  Deadline ends = no_deadline;  // leaves then
  TimePoint idle_since{};
  // For the debug log: the connection's id, and why it ends.
  std::uint64_t id = 0;
  std::string_view end = "the upstream ended it";
};

// A request that wants a place, from its making to what became of it.
class PlaceWait final {
 public:
  enum class Told : std::uint8_t { nothing, place, connect, failed };

  // `fresh`: not on a connection that refuses streams, if another is there or to come.
  PlaceWait(SessionPool& pool, bool fresh);
  // Gives back a place that nobody took over; a connect, done or not, is over.
  ~PlaceWait();
  PlaceWait(const PlaceWait&) = delete;
  PlaceWait& operator=(const PlaceWait&) = delete;

  net::Waiter waiter;
  Told told = Told::nothing;
  PooledSession* session = nullptr;  // with Told::place; null once it was taken over
  Error error;                       // with Told::failed

 private:
  friend class SessionPool;
  void tell(Told what) noexcept;

  SessionPool& pool_;
  const bool fresh_;
  PlaceWait* next_ = nullptr;
  PlaceWait* previous_ = nullptr;
  bool queued_ = false;
};

class SessionPool final : private codec::h2::ClientConnection::Owner, private net::Timer {
 public:
  // The counts, which other threads read, outlive it.
  SessionPool(net::Loop& loop, std::atomic<std::uint32_t>& idle,
              std::atomic<std::uint32_t>& active) noexcept
      : loop_(loop), idle_(idle), active_(active) {}
  ~SessionPool() override;

  // As configured now; fewer connections than there are take effect as those end, more at once.
  void configure(std::size_t most_connections, Duration idle_timeout) noexcept;

  // A place at once: null when there is none, or others wait for one that is no better.
  PooledSession* try_take(bool fresh) noexcept;
  void give_back(PooledSession& session) noexcept;

  // A new connection, and a place on it for who made it; nobody else's where it is `leaving`, and
  // nobody's from `ends` on. `id` is its stream's.
  PooledSession& add(std::unique_ptr<codec::h2::ClientConnection> connection, bool leaving = false,
                     std::uint64_t id = 0, Deadline ends = no_deadline);
  // Of who was told to connect, while the PlaceWait is there: those who waited for it fail, too.
  void connect_failed(const Error& error) noexcept;
  bool connecting() const noexcept { return connecting_ != 0; }
  // The endpoint turned out to speak HTTP/1: who waits for a place connects for itself.
  void connect_all() noexcept;

  // Closes what carries nothing now, and the rest when it carries nothing any more; none of these
  // gets another request.
  void clear() noexcept;

 private:
  friend class PlaceWait;
  void connection_changed(codec::h2::ClientConnection&) noexcept override;
  void expire(TimePoint now) noexcept override;
  enum class Among : std::uint8_t { all, not_refusing };
  PooledSession* best(Among among) noexcept;
  void serve() noexcept;
  // False when nothing can be done for it now.
  bool serve(PlaceWait& wait) noexcept;
  static bool ends(const PooledSession& session) noexcept {
    return session.leaving || session.connection->ending();
  }
  void enqueue(PlaceWait& wait) noexcept;
  void dequeue(PlaceWait& wait) noexcept;
  // Destroys what has ended; not from within a call of theirs.
  void sweep() noexcept;
  void count() noexcept;
  void come_back(TimePoint at) noexcept;

  net::Loop& loop_;
  std::atomic<std::uint32_t>& idle_;
  std::atomic<std::uint32_t>& active_;
  std::vector<std::unique_ptr<PooledSession>> sessions_;
  std::size_t most_connections_ = 1;
  Duration idle_timeout_{};
  std::size_t connecting_ = 0;
  PlaceWait* first_ = nullptr;
  PlaceWait* last_ = nullptr;
  std::size_t plain_waiting_ = 0;  // in the queue, those who are not `fresh`
};

}  // namespace weir::upstream
