// The workers' side of Cluster: from a permit to a connection.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <new>
#include <utility>

#include "upstream/connect_cause.hpp"
#include "upstream/debug_steps.hpp"
#include "upstream/failure_log.hpp"
#include "upstream/waiting.hpp"
#include "upstream/worker_view.hpp"
#include "weir/base/age.hpp"
#include "weir/base/errno_name.hpp"
#include "weir/net/tls_session.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::upstream {
namespace {

// A connect that takes longer than this is doubted: others shall not wait behind it.
constexpr Duration slow_connect = std::chrono::milliseconds(250);

// Without TLS nobody tells; under `auto` it is HTTP/1 then.
bool speaks_http2(const config::Upstream& settings, const net::Stream& stream) noexcept {
  if (!settings.tls) return settings.protocol == config::UpstreamProtocol::h2;
  return stream.alpn() == "h2";
}

constexpr std::string_view passed_on_detail = "another endpoint connects sooner";

Error passed_on() {
  return {Reason::connect_timeout, Side::upstream, std::string(passed_on_detail)};
}

bool has_passed_on(const Error& error) noexcept { return error.detail == passed_on_detail; }

// It says something of the endpoint, not of how long a request or its client would wait.
bool is_verdict(const Error& error, const Caller& caller) noexcept {
  return !is_cancelled(caller) && error.reason != Reason::request_timeout && !has_passed_on(error);
}

}  // namespace

// The right to be the one that finds out whether an endpoint answers, where that is not known.
class Cluster::Trial {
 public:
  Trial(control::ConnectBackoff& backoff, TimePoint now) noexcept
      : backoff_(backoff),
        has_(backoff.standing(now) != control::ConnectBackoff::Standing::good && backoff.claim()) {}
  ~Trial() { end(); }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  bool has() const noexcept { return has_; }
  bool take() noexcept { return has_ = has_ || backoff_.claim(); }
  void end() noexcept {
    if (std::exchange(has_, false)) backoff_.release();
  }

 private:
  control::ConnectBackoff& backoff_;
  bool has_;
};

// What came of a connect decides how the endpoint stands from now on.
Task<Result<>> Cluster::connect(Lease& lease, Speak speak, const Tried& tried, Deadline deadline,
                                const Caller& caller) {
  WorkerView& view = this->view(lease.worker_);
  Endpoint& endpoint = lease.endpoint();
  const TimePoint began = view.loop().now();
  Trial trial(endpoint.backoff_, began);
  tell_connecting(name_, endpoint);
  Result<> connected = co_await open(lease, speak, trial, tried, deadline, caller);
  const bool was_trial = trial.has();
  trial.end();
  if (!connected) tell_connect_failed(name_, endpoint, connected.error());
  if (connected || is_verdict(connected.error(), caller)) {
    const bool changed = judge(endpoint, began, view.loop().now(), connected);
    if (changed || was_trial) standing_changed();
  } else if (was_trial || view.loop().now() - began >= slow_connect) {
    // Nobody waits for it any more; what it would have come to matters to those who come.
    view.probe(endpoint);
  }
  co_return connected;
}

bool Cluster::judge(Endpoint& endpoint, TimePoint began, TimePoint now, const Result<>& connected) {
  if (connected) {
    const bool had_failed = endpoint.backoff_.has_failed();
    const bool news = endpoint.backoff_.succeeded();
    if (news && had_failed) begin_slow_start(endpoint, now);
    return news;
  }
  log_connect_failure(now, name_, endpoint, connected.error());
  // What fails in our own process says nothing of the endpoint.
  if (connected.error().side == Side::internal) return false;
  if (endpoint.is_of_name()) tell_failed_connect(endpoint, now);
  return endpoint.backoff_.failed(began, now, cause_of(connected.error()));
}

void Cluster::begin_slow_start(Endpoint& endpoint, TimePoint now) noexcept {
  endpoint.is_back(now);
  try {
    if (state()->settings.load_balancer.slow_start == Duration::zero()) return;
    generation_.fetch_add(1, std::memory_order_release);
    announce({});
  } catch (const std::bad_alloc&) {
    // Workers take it over with their next request.
  }
}

void Cluster::tell_failed_connect(Endpoint& endpoint, TimePoint now) noexcept {
  constexpr Duration between = std::chrono::milliseconds(200);
  if (!hooks_.connect_failed) return;
  const Duration::rep at = now.time_since_epoch().count();
  Duration::rep told = endpoint.failure_told_.load(std::memory_order_relaxed);
  if (at < told + between.count()) return;
  if (!endpoint.failure_told_.compare_exchange_strong(told, at, std::memory_order_relaxed)) return;
  try {
    hooks_.connect_failed(name_, endpoint.address());
  } catch (const std::bad_alloc&) {
    // The name is asked again when its time has come.
  }
}

void Cluster::standing_changed() noexcept {
  if (waiting_.load() == 0) return;
  try {
    for (unsigned worker = 0; worker < workers_.size(); ++worker) {
      workers_[worker]->mailbox().post(
          [self = shared_from_this(), worker] { self->view(worker).standing_changed(); });
    }
  } catch (const std::bad_alloc&) {
    // Those who wait end with their time.
  }
}

Task<Result<>> Cluster::open(Lease& lease, Speak speak, Trial& trial, const Tried& tried,
                             Deadline deadline, const Caller& caller) {
  WorkerView& view = this->view(lease.worker_);
  net::Loop& loop = view.loop();
  const TimePoint began = loop.now();
  const Deadline until = deadline_after(began, view.settings().connect_timeout);
  const std::uint64_t made_under = view.tls_changes();
  std::unique_ptr<net::Stream> stream;
  const OnCancel stop(caller.scope, [&](Reason) noexcept {
    if (stream) stream->cancel();
  });
  Result<> connected = net::Stream::begin_connect(loop, lease.endpoint().socket_address(), stream);
  if (connected && !stream->writable()) {
    connected = co_await await_connect(*stream, lease, trial, tried, std::min(until, deadline),
                                       caller.may_panic);
  }
  if (connected && view.settings().tls) {
    connected = co_await secure(*stream, lease, speak, std::min(until, deadline));
  }
  lease.connect_time = loop.now() - began;
  if (is_cancelled(caller)) co_return std::unexpected(cancelled_error(caller));
  if (!connected) {
    Error error = std::move(connected.error());
    if (error.reason == Reason::connect_timeout && deadline < until) {
      error.reason = Reason::request_timeout;
    }
    co_return std::unexpected(std::move(error));
  }
  if (!stream->is_open()) {
    co_return fail(Reason::connect_failed, Side::internal, "the reactor refused the socket");
  }
  tell_connected(name_, lease.endpoint(), *stream, lease.connect_time);
  Endpoint::Slot& slot = lease.endpoint().slot(lease.worker_);
  if (speak == Speak::as_agreed && speaks_http2(view.settings(), *stream)) {
    slot.http1 = false;
    Result<> awaited = co_await await_session(lease, std::move(stream), made_under,
                                              std::min(until, deadline), caller);
    lease.connect_time = loop.now() - began;
    if (!awaited && awaited.error().reason == Reason::connect_timeout && deadline < until) {
      awaited.error().reason = Reason::request_timeout;
    }
    co_return awaited;
  }
  if (view.settings().protocol == config::UpstreamProtocol::h2) {
    co_return fail(Reason::upstream_tls_failed, Side::upstream, "it does not offer h2 by ALPN");
  }
  if (speak == Speak::as_agreed) {
    slot.http1 = true;
    if (slot.sessions) slot.sessions->connect_all();
  }
  const Deadline ends = end_of_age(loop.now(), view.settings().pool.connection_age);
  lease.set_connection(std::make_unique<Connection>(std::move(stream), made_under, ends), false);
  co_return Result<>{};
}

// Where others work, a connect that takes long is left to one request; the others go on.
Task<Result<>> Cluster::await_connect(net::Stream& stream, const Lease& lease, Trial& trial,
                                      const Tried& tried, Deadline until, bool may_panic) {
  WorkerView& view = this->view(lease.worker_);
  net::Loop& loop = view.loop();
  while (true) {
    const Deadline look =
        trial.has() ? until : std::min<Deadline>(until, loop.now() + slow_connect);
    const net::Io ready = co_await stream.wait_writable(look);
    if (ready == net::Io::ok) co_return stream.connected();
    if (ready != net::Io::timeout) {
      co_return fail(Reason::connect_failed, Side::upstream, "given up");
    }
    if (loop.now() >= until) {
      co_return fail(Reason::connect_timeout, Side::upstream, errno_name(ETIMEDOUT));
    }
    lease.endpoint().backoff_.doubt();
    if (!trial.take() && tried.goes_on() &&
        view.has_first_choice(tried, lease.endpoint(), may_panic))
      co_return std::unexpected(passed_on());
  }
}

Task<Result<>> Cluster::await_session(Lease& lease, std::unique_ptr<net::Stream> stream,
                                      std::uint64_t made_under, Deadline until,
                                      const Caller& caller) {
  WorkerView& view = this->view(lease.worker_);
  const codec::h2::ClientOptions options{.tls = stream->tls() != nullptr,
                                         .header_size = view.settings().response_header_size};
  const std::uint64_t id = stream->id();
  auto connection = codec::h2::make_client_connection(std::move(stream), options);
  const OnCancel stop(caller.scope, [&](Reason) noexcept {
    if (connection) connection->close();
  });
  Result<> ready = co_await connection->ready(until);
  if (is_cancelled(caller)) co_return std::unexpected(cancelled_error(caller));
  if (!ready) co_return ready;
  const bool leaving = view.tls_changes() != made_under;
  const Deadline ends = end_of_age(view.loop().now(), view.settings().pool.connection_age);
  PooledSession& session =
      view.sessions(lease.endpoint()).add(std::move(connection), leaving, id, ends);
  lease.set_session(session);
  co_return Result<>{};
}

Task<Result<>> Cluster::take_place(Lease& lease, const Tried& tried, Deadline deadline,
                                   const Caller& caller) {
  WorkerView& view = this->view(lease.worker_);
  net::Loop& loop = view.loop();
  SessionPool& sessions = view.sessions(lease.endpoint());
  const config::Upstream& settings = view.settings();
  const TimePoint began = loop.now();
  // A connection that is being made may come late, and all its places may be taken by then.
  const Duration most = settings.pool.pending_timeout +
                        (sessions.connecting() ? settings.connect_timeout : Duration::zero());
  const Deadline until = std::min(deadline, deadline_after(began, most));
  PlaceWait wait(sessions, tried.fresh);
  const OnCancel stop(caller.scope, [&](Reason) noexcept { wait.waiter.cancel(); });
  bool passes_on = false;
  while (wait.told == PlaceWait::Told::nothing && !passes_on) {
    const Deadline look = std::min<Deadline>(until, loop.now() + slow_connect);
    co_await wait.waiter.wait(look);
    if (wait.waiter.result() != net::Wake::timeout || loop.now() >= until) break;
    // It waits for a connection that another request makes; where others work it goes on.
    passes_on = wait.told == PlaceWait::Told::nothing && tried.goes_on() &&
                view.is_last_choice(lease.endpoint()) &&
                view.has_first_choice(tried, lease.endpoint(), caller.may_panic);
  }
  if (is_cancelled(caller)) co_return std::unexpected(cancelled_error(caller));
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
      if (passes_on) co_return std::unexpected(passed_on());
      if (loop.now() >= deadline) co_return fail(Reason::request_timeout, Side::upstream, name_);
      co_return fail(Reason::pool_full, Side::upstream,
                     "no connection has room for another request");
  }
  Result<> connected = co_await connect(lease, Speak::as_agreed, tried, deadline, caller);
  // Who had no time left says nothing of the upstream: the next in turn connects.
  if (!connected && !is_cancelled(caller) && connected.error().reason != Reason::request_timeout &&
      !has_passed_on(connected.error())) {
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
    case net::Io::timeout: {
      Error late{Reason::connect_timeout, Side::upstream, "the TLS handshake took too long"};
      late.sentence = "the TLS handshake with the upstream took too long";
      co_return std::unexpected(std::move(late));
    }
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

}  // namespace weir::upstream
