// The workers' side of Cluster: from the balancer's choice to a lease, and what becomes of a permit
// that is returned.
#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "upstream/failure_log.hpp"
#include "upstream/worker_view.hpp"
#include "weir/net/tls_session.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::upstream {
namespace {

// Makes `waiting` the one that hears of the exchange's cancellation, for the scope's time.
class CancelScope {
 public:
  CancelScope(Exchange* exchange, Cancellable& waiting) noexcept : exchange_(exchange) {
    if (exchange_ != nullptr) before_ = exchange_->set_cancellable(&waiting);
  }
  ~CancelScope() {
    if (exchange_ != nullptr) exchange_->set_cancellable(before_);
  }
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;

 private:
  Exchange* exchange_;
  Cancellable* before_ = nullptr;
};

class ConnectInProgress final : public Cancellable {
 public:
  void cancel(Reason) noexcept override {
    if (stream) stream->cancel();
  }
  std::unique_ptr<net::Stream> stream;
};

class SessionInProgress final : public Cancellable {
 public:
  explicit SessionInProgress(std::unique_ptr<codec::h2::ClientConnection> begun) noexcept
      : connection(std::move(begun)) {}
  void cancel(Reason) noexcept override {
    if (connection) connection->close();
  }
  std::unique_ptr<codec::h2::ClientConnection> connection;
};

// Without TLS nobody tells; under `auto` it is HTTP/1 then.
bool speaks_http2(const config::Upstream& settings, const net::Stream& stream) noexcept {
  if (!settings.tls) return settings.protocol == config::UpstreamProtocol::h2;
  return stream.alpn() == "h2";
}

bool is_cancelled(const Exchange* exchange) noexcept {
  return exchange != nullptr && exchange->cancelled();
}

Error cancelled_error(const Exchange& exchange) {
  return {exchange.cancel_reason(), Side::downstream, "while waiting for an upstream connection"};
}

}  // namespace

std::optional<Lease> Cluster::try_acquire(unsigned worker, const Tried& tried) {
  WorkerView& view = this->view(worker);
  view.refresh();
  // Those who wait come first.
  if (tried.fresh || tried.tunnel || view.has_pending()) return std::nullopt;
  Endpoint* const endpoint = view.pick(tried);
  if (endpoint == nullptr) return std::nullopt;
  if (view.multiplexes(*endpoint)) {
    SessionPool* const sessions = endpoint->slot(worker).sessions.get();
    PooledSession* const session = sessions != nullptr ? sessions->try_take(false) : nullptr;
    if (session == nullptr || !endpoint->take_permit(view.limit())) {
      if (session != nullptr) sessions->give_back(*session);
      view.prefer(*endpoint);
      return std::nullopt;
    }
    Lease lease(*this, *endpoint, worker);
    lease.set_session(*session);
    return lease;
  }
  ConnectionPool& idle = endpoint->slot(worker).idle;
  if (idle.size() == 0 || !endpoint->take_permit(view.limit())) {
    view.prefer(*endpoint);
    return std::nullopt;
  }
  Lease lease(*this, *endpoint, worker);
  lease.set_connection(idle.take(), true);
  return lease;
}

Task<Result<Lease>> Cluster::acquire(unsigned worker, Tried& tried, Deadline deadline,
                                     Exchange* exchange) {
  WorkerView& view = this->view(worker);
  std::optional<Error> last;
  Duration queued{};
  while (true) {
    if (is_cancelled(exchange)) co_return std::unexpected(cancelled_error(*exchange));
    view.refresh();
    if (!view.any(tried)) {
      if (last) co_return std::unexpected(std::move(*last));
      co_return fail(Reason::no_healthy_endpoint, Side::upstream, name_);
    }
    std::optional<Lease> lease;
    if (!view.has_pending()) {
      while (Endpoint* const endpoint = view.pick(tried)) {
        // Another worker may take the last permit in between.
        if (!endpoint->take_permit(view.limit())) continue;
        lease.emplace(Lease(*this, *endpoint, worker));
        break;
      }
    }
    if (!lease) {
      Result<Lease> granted = co_await wait_for_permit(worker, tried, deadline, exchange);
      if (!granted) co_return std::unexpected(std::move(granted.error()));
      lease = std::move(*granted);
      queued += lease->queue_time;
    }
    lease->queue_time = queued;
    Endpoint& endpoint = lease->endpoint();
    Result<> connected;
    if (view.multiplexes(endpoint)) {
      connected = co_await take_place(*lease, tried.fresh, deadline, exchange);
      if (!connected && connected.error().reason == Reason::pool_full) {
        co_return std::unexpected(std::move(connected.error()));
      }
      if (connected && tried.tunnel && lease->carries_no_tunnel() &&
          view.settings().protocol == config::UpstreamProtocol::automatic) {
        lease->leave_session();
        connected = co_await connect(*lease, Speak::http1, deadline, exchange);
      }
    } else {
      if (!tried.fresh) {
        if (auto idle = endpoint.slot(worker).idle.take()) {
          lease->set_connection(std::move(idle), true);
          co_return std::move(*lease);
        }
      }
      connected = co_await connect(*lease, Speak::as_agreed, deadline, exchange);
    }
    if (connected) co_return std::move(*lease);
    last = std::move(connected.error());
    log_connect_failure(view.loop().now(), name_, endpoint, *last);
    tried.add(endpoint);
    tried.connect_failures.push_back(
        {endpoint.shared_from_this(), last->reason, lease->connect_time});
    if (is_cancelled(exchange) || view.loop().now() >= deadline) {
      co_return std::unexpected(std::move(*last));
    }
  }
}

Task<Result<>> Cluster::connect(Lease& lease, Speak speak, Deadline deadline, Exchange* exchange) {
  WorkerView& view = this->view(lease.worker_);
  net::Loop& loop = view.loop();
  const TimePoint began = loop.now();
  const Deadline until = deadline_after(began, view.settings().connect_timeout);
  const std::uint64_t made_under = view.tls_changes();
  ConnectInProgress connecting;
  const CancelScope scope(exchange, connecting);
  Result<> connected = co_await net::Stream::connect(loop, lease.endpoint().socket_address(),
                                                     std::min(until, deadline), connecting.stream);
  if (connected && view.settings().tls) {
    connected = co_await secure(*connecting.stream, lease, speak, std::min(until, deadline));
  }
  lease.connect_time = loop.now() - began;
  if (is_cancelled(exchange)) co_return std::unexpected(cancelled_error(*exchange));
  if (!connected) {
    Error error = std::move(connected.error());
    if (error.reason == Reason::connect_timeout && deadline < until) {
      error.reason = Reason::request_timeout;
    }
    co_return std::unexpected(std::move(error));
  }
  if (!connecting.stream->is_open()) {
    co_return fail(Reason::connect_failed, Side::internal, "the reactor refused the socket");
  }
  Endpoint::Slot& slot = lease.endpoint().slot(lease.worker_);
  if (speak == Speak::as_agreed && speaks_http2(view.settings(), *connecting.stream)) {
    slot.http1 = false;
    Result<> awaited = co_await await_session(lease, std::move(connecting.stream), made_under,
                                              std::min(until, deadline), exchange);
    lease.connect_time = loop.now() - began;
    if (!awaited && awaited.error().reason == Reason::connect_timeout && deadline < until) {
      awaited.error().reason = Reason::request_timeout;
    }
    co_return awaited;
  }
  if (view.settings().protocol == config::UpstreamProtocol::h2) {
    co_return fail(Reason::upstream_tls_failed, Side::upstream, "it does not agree to h2");
  }
  if (speak == Speak::as_agreed) {
    slot.http1 = true;
    if (slot.sessions) slot.sessions->connect_all();
  }
  lease.set_connection(std::make_unique<Connection>(std::move(connecting.stream), made_under),
                       false);
  co_return Result<>{};
}

Task<Result<>> Cluster::await_session(Lease& lease, std::unique_ptr<net::Stream> stream,
                                      std::uint64_t made_under, Deadline until,
                                      Exchange* exchange) {
  WorkerView& view = this->view(lease.worker_);
  const codec::h2::ClientOptions options{.tls = stream->tls() != nullptr,
                                         .header_size = view.settings().response_header_size};
  SessionInProgress beginning(codec::h2::make_client_connection(std::move(stream), options));
  const CancelScope scope(exchange, beginning);
  Result<> ready = co_await beginning.connection->ready(until);
  if (is_cancelled(exchange)) co_return std::unexpected(cancelled_error(*exchange));
  if (!ready) co_return ready;
  const bool leaving = view.tls_changes() != made_under;
  lease.set_session(view.sessions(lease.endpoint()).add(std::move(beginning.connection), leaving));
  co_return Result<>{};
}

Task<Result<>> Cluster::take_place(Lease& lease, bool fresh, Deadline deadline,
                                   Exchange* exchange) {
  WorkerView& view = this->view(lease.worker_);
  net::Loop& loop = view.loop();
  SessionPool& sessions = view.sessions(lease.endpoint());
  const config::Upstream& settings = view.settings();
  const TimePoint began = loop.now();
  // A connection that is being made may come late, and all its places may be taken by then.
  const Duration most = settings.pool.pending_timeout +
                        (sessions.connecting() ? settings.connect_timeout : Duration::zero());
  PlaceWait wait(sessions, fresh);
  if (wait.told == PlaceWait::Told::nothing) {
    const CancelScope scope(exchange, wait);
    co_await wait.waiter.wait(std::min(deadline, deadline_after(began, most)));
  }
  if (is_cancelled(exchange)) co_return std::unexpected(cancelled_error(*exchange));
  lease.queue_time += loop.now() - began;
  switch (wait.told) {
    case PlaceWait::Told::place:
      lease.set_session(*std::exchange(wait.session, nullptr));
      co_return Result<>{};
    case PlaceWait::Told::connect:
      break;
    case PlaceWait::Told::failed:
      co_return std::unexpected(std::move(wait.error));
    case PlaceWait::Told::nothing:
      if (loop.now() >= deadline) co_return fail(Reason::request_timeout, Side::upstream, name_);
      co_return fail(Reason::pool_full, Side::upstream, "no connection takes another request");
  }
  Result<> connected = co_await connect(lease, Speak::as_agreed, deadline, exchange);
  // Who had no time left says nothing of the upstream: the next in turn connects.
  if (!connected && !is_cancelled(exchange) &&
      connected.error().reason != Reason::request_timeout) {
    sessions.connect_failed(connected.error());
  }
  co_return connected;
}

Task<Result<>> Cluster::secure(net::Stream& stream, const Lease& lease, Speak speak,
                               Deadline deadline) {
  const State& now = view(lease.worker_).state();
  if (now.tls == nullptr) {
    co_return fail(Reason::upstream_tls_failed, Side::internal, "its certificates cannot be read");
  }
  const auto host = now.hosts.find(&lease.endpoint());
  stream.start_tls(now.tls->connect(stream.loop().buffers(), lease.endpoint().address(),
                                    host != now.hosts.end() ? host->second : std::string(),
                                    speak == Speak::http1));
  const net::Io done = co_await stream.handshake(deadline);
  switch (done) {
    case net::Io::ok:
      co_return Result<>{};
    case net::Io::timeout:
      co_return fail(Reason::connect_timeout, Side::upstream, "the TLS handshake took too long");
    case net::Io::cancelled:
      co_return fail(Reason::connect_failed, Side::upstream, "given up");
    default:
      break;
  }
  const net::TlsSession& session = *stream.tls();
  Error error{Reason::upstream_tls_failed, Side::upstream, session.failure()};
  if (session.certificate_failed()) {
    error.proxy_error = "tls_certificate_error";
    error.sentence = "the upstream's certificate is not accepted";
  }
  co_return std::unexpected(std::move(error));
}

bool Cluster::begin_waiting(std::uint64_t most) noexcept {
  std::uint64_t now = waiting_.load();
  while (now < most) {
    if (waiting_.compare_exchange_weak(now, now + 1)) return true;
  }
  return false;
}

Task<Result<Lease>> Cluster::wait_for_permit(unsigned worker, const Tried& tried, Deadline deadline,
                                             Exchange* exchange) {
  WorkerView& view = this->view(worker);
  const config::Pool& pool = view.settings().pool;
  if (!begin_waiting(pool.pending)) co_return fail(Reason::pool_full, Side::upstream, name_);
  const Deadline until =
      std::min(deadline, deadline_after(view.loop().now(), pool.pending_timeout));
  Pending pending(view, tried);
  arrivals_.fetch_add(1);
  // Only now does everybody who returns a permit see this one: what was free before is looked for
  // again.
  view.serve_pending();
  if (!pending.lease) {
    const CancelScope scope(exchange, pending);
    co_await pending.waiter.wait(until);
  }
  const TimePoint now = view.loop().now();
  if (is_cancelled(exchange)) co_return std::unexpected(cancelled_error(*exchange));
  if (pending.lease) {
    pending.lease->queue_time = now - pending.since;
    co_return std::move(*pending.lease);
  }
  if (now >= deadline) co_return fail(Reason::request_timeout, Side::upstream, name_);
  co_return fail(Reason::pool_full, Side::upstream, name_);
}

void Cluster::release_permit(Endpoint& endpoint, unsigned worker, std::size_t hops) noexcept {
  while (true) {
    const std::uint64_t arrivals = arrivals_.load();
    if (waiting_.load() != 0 && hand_over(endpoint, worker, hops)) return;
    endpoint.drop_permit();
    // Who came after the look above has found the permit free, or is seen here.
    if (arrivals_.load() == arrivals || !endpoint.take_permit(view(worker).limit())) return;
  }
}

bool Cluster::hand_over(Endpoint& endpoint, unsigned worker, std::size_t hops) noexcept {
  // Within this time of each other, those who wait here are taken before those elsewhere.
  constexpr Duration near = std::chrono::milliseconds(5);
  WorkerView& here = view(worker);
  if (!here.usable(endpoint)) return false;
  std::size_t target = workers_.size();
  TimePoint longest = here.has_pending() ? here.oldest() - near : TimePoint::max();
  for (std::size_t other = 0; hops != 0 && other < views_.size(); ++other) {
    if (other == worker || views_[other]->oldest() >= longest) continue;
    longest = views_[other]->oldest();
    target = other;
  }
  if (target == workers_.size()) return here.grant(endpoint);
  try {
    workers_[target]->mailbox().post([self = shared_from_this(),
                                      permit = endpoint.shared_from_this(), hops,
                                      to = static_cast<unsigned>(target)] {
      self->view(to).refresh();
      if (self->view(to).usable(*permit) && self->view(to).grant(*permit)) return;
      self->release_permit(*permit, to, hops - 1);
    });
    return true;
  } catch (const std::bad_alloc&) {
    return here.grant(endpoint);
  }
}

void Cluster::leave(unsigned worker) noexcept { view(worker).leave(); }

}  // namespace weir::upstream
