#include "weir/upstream/session_pool.hpp"

#include <algorithm>
#include <utility>

#include "upstream/debug_steps.hpp"

namespace weir::upstream {

PlaceWait::PlaceWait(SessionPool& pool, bool fresh)
    : waiter(pool.loop_), pool_(pool), fresh_(fresh) {
  pool_.enqueue(*this);
  pool_.serve();
}

PlaceWait::~PlaceWait() {
  if (queued_) pool_.dequeue(*this);
  if (told == Told::place && session != nullptr) pool_.give_back(*session);
  if (told == Told::connect) {
    --pool_.connecting_;
    pool_.serve();
  }
}

void PlaceWait::tell(Told what) noexcept {
  told = what;
  waiter.notify();
}

SessionPool::~SessionPool() {
  for (const auto& session : sessions_) session->connection->set_owner(nullptr);
  sessions_.clear();
  count();
}

void SessionPool::configure(std::size_t most_connections, Duration idle_timeout) noexcept {
  most_connections_ = most_connections;
  idle_timeout_ = idle_timeout;
  serve();
}

PooledSession* SessionPool::best(Among among) noexcept {
  PooledSession* found = nullptr;
  for (const auto& session : sessions_) {
    const codec::h2::ClientConnection& connection = *session->connection;
    if (session->leaving || session->places + connection.orphans() >= connection.limit()) continue;
    if (among == Among::not_refusing && connection.refusing()) continue;
    if (found == nullptr || session->places < found->places) found = session.get();
  }
  return found;
}

PooledSession* SessionPool::try_take(bool fresh) noexcept {
  if (plain_waiting_ != 0) return nullptr;
  PooledSession* const session = best(fresh ? Among::not_refusing : Among::all);
  if (session == nullptr) return nullptr;
  ++session->places;
  count();
  return session;
}

void SessionPool::give_back(PooledSession& session) noexcept {
  if (--session.places == 0) {
    session.idle_since = loop_.now();
    if (ends(session)) {
      come_back(loop_.now());
    } else if (idle_timeout_ != Duration::zero()) {
      come_back(session.idle_since + idle_timeout_);
    }
  }
  count();
  serve();
}

PooledSession& SessionPool::add(std::unique_ptr<codec::h2::ClientConnection> connection,
                                bool leaving, std::uint64_t id, Deadline ends) {
  sessions_.push_back(std::make_unique<PooledSession>(PooledSession{*this, std::move(connection)}));
  PooledSession& session = *sessions_.back();
  session.leaving = leaving;
  session.id = id;
  session.ends = ends;
  if (ends != no_deadline && !leaving) come_back(ends);
  session.connection->set_owner(this);
  // Of who connected.
  ++session.places;
  count();
  serve();
  return session;
}

void SessionPool::connect_failed(const Error& error) noexcept {
  // Those who waited for this connection share its fate; where another can serve them they wait on.
  const bool alone =
      std::ranges::all_of(sessions_, [](const auto& session) { return ends(*session); });
  while (alone && first_ != nullptr) {
    PlaceWait& wait = *first_;
    dequeue(wait);
    wait.error.reason = error.reason;
    wait.error.side = error.side;
    wait.tell(PlaceWait::Told::failed);
  }
}

// In turn among those who want the same. Nobody is held up by one who wants something else.
void SessionPool::serve() noexcept {
  bool plain_blocked = false;
  bool fresh_blocked = false;
  for (PlaceWait* at = first_; at != nullptr && !(plain_blocked && fresh_blocked);) {
    PlaceWait& wait = *at;
    at = wait.next_;
    if (wait.waiter.cancelled()) {
      dequeue(wait);
      continue;
    }
    bool& blocked = wait.fresh_ ? fresh_blocked : plain_blocked;
    if (!blocked) blocked = !serve(wait);
  }
}

bool SessionPool::serve(PlaceWait& wait) noexcept {
  PooledSession* session = best(wait.fresh_ ? Among::not_refusing : Among::all);
  if (session == nullptr) {
    const auto live = static_cast<std::size_t>(
        std::ranges::count_if(sessions_, [](const auto& at) { return !ends(*at); }));
    // One at a time: what it brings may be enough for all who wait. A request that was refused may
    // go beyond, or it would wait for those who refuse.
    if (connecting_ == 0 && live < most_connections_ + (wait.fresh_ ? 1 : 0)) {
      dequeue(wait);
      ++connecting_;
      wait.tell(PlaceWait::Told::connect);
      return true;
    }
    // With no other connection to come, one that refused some stream is better than none.
    if (wait.fresh_ && connecting_ == 0) session = best(Among::all);
    if (session == nullptr) return false;
  }
  dequeue(wait);
  ++session->places;
  count();
  wait.session = session;
  wait.tell(PlaceWait::Told::place);
  return true;
}

void SessionPool::connect_all() noexcept {
  while (first_ != nullptr) {
    PlaceWait& wait = *first_;
    dequeue(wait);
    ++connecting_;
    wait.tell(PlaceWait::Told::connect);
  }
}

void SessionPool::clear() noexcept {
  for (const auto& session : sessions_) {
    session->leaving = true;
    session->end = "its endpoint or its TLS settings changed";
    if (session->places == 0) session->connection->close();
  }
  sweep();
  // With nothing in it the pool may be destroyed on another thread, where the wheel is not to be
  // touched.
  if (sessions_.empty()) unschedule();
  // None of these is counted any more, so who waits may connect.
  serve();
}

// In turn: whoever wants a place now is behind those who wanted one before.
void SessionPool::enqueue(PlaceWait& wait) noexcept {
  wait.previous_ = last_;
  (last_ != nullptr ? last_->next_ : first_) = &wait;
  last_ = &wait;
  wait.queued_ = true;
  plain_waiting_ += wait.fresh_ ? 0 : 1;
}

void SessionPool::dequeue(PlaceWait& wait) noexcept {
  (wait.previous_ != nullptr ? wait.previous_->next_ : first_) = wait.next_;
  (wait.next_ != nullptr ? wait.next_->previous_ : last_) = wait.previous_;
  wait.next_ = wait.previous_ = nullptr;
  wait.queued_ = false;
  plain_waiting_ -= wait.fresh_ ? 0 : 1;
}

void SessionPool::connection_changed(codec::h2::ClientConnection& connection) noexcept {
  if (connection.ending()) come_back(loop_.now());
  count();
  serve();
}

void SessionPool::expire(TimePoint now) noexcept {
  for (const auto& session : sessions_) {
    if (!session->leaving && now >= session->ends) {
      session->leaving = true;
      session->end = "connection_age";
    }
    if (session->places != 0 || session->connection->closed()) continue;
    const bool over =
        idle_timeout_ != Duration::zero() && session->idle_since + idle_timeout_ <= now;
    if (over) session->end = "idle_timeout";
    if (over || ends(*session)) session->connection->close();
  }
  sweep();
  serve();
  for (const auto& session : sessions_) {
    if (!session->leaving && session->ends != no_deadline) come_back(session->ends);
    if (session->places == 0 && idle_timeout_ != Duration::zero()) {
      come_back(session->idle_since + idle_timeout_);
    }
  }
}

void SessionPool::sweep() noexcept {
  std::erase_if(sessions_, [](const auto& session) {
    const bool over = session->places == 0 && session->connection->closed();
    if (over) tell_retired(session->id, session->end);
    return over;
  });
  count();
}

void SessionPool::count() noexcept {
  std::uint32_t idle = 0;
  std::uint32_t active = 0;
  for (const auto& session : sessions_) {
    if (session->connection->closed()) continue;
    ++(session->places == 0 ? idle : active);
  }
  idle_.store(idle, std::memory_order_relaxed);
  active_.store(active, std::memory_order_relaxed);
}

void SessionPool::come_back(TimePoint at) noexcept {
  if (!scheduled() || expiry() > at) loop_.wheel().schedule(*this, at);
}

}  // namespace weir::upstream
