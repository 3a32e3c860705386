#include "proxy/fetch/fetch.hpp"

#include <utility>

#include "proxy/fetch/again.hpp"
#include "weir/base/debug_log.hpp"

namespace weir::proxy {
namespace {

// HTTP/1.0 knows requests without a Host; the upstream need not take one that is empty.
std::string_view host_of(std::string_view endpoint) noexcept {
  return endpoint.starts_with("unix:") ? "localhost" : endpoint;
}

}  // namespace

Fetch::Fetch(const FetchPlan& plan, Request& request, control::BreakerCall&& call,
             TryObserver* observer) noexcept
    : plan_(plan),
      request_(request),
      observer_(observer),
      record_(plan.metrics, plan.worker),
      call_(std::move(call)),
      began_(plan.loop.now()) {
  tried_.tunnel = request.head.upgrade_websocket;
}

Fetch::~Fetch() {
  if (attempt_) end_try(false);
}

Task<Result<>> Fetch::first_try(ResponseHead& head) {
  std::optional<upstream::Lease> lease = plan_.cluster.try_acquire(plan_.worker, tried_, caller());
  if (!lease) return connect_and_try(head);
  begin_try(std::move(*lease));
  return attempt_->start(head);
}

Task<Result<>> Fetch::further_tries(Result<> failed, ResponseHead& head) {
  Result<> came = std::move(failed);
  // Without an attempt no connection was to be had.
  for (unsigned repeats = 0; !came && attempt_; ++repeats) {
    if (attempt_->failure()) {
      record_.failed(plan_.loop.now(), attempt_->endpoint(), came.error(),
                     attempt_->failed_try().reused);
    }
    const bool repeated = co_await again(repeats);
    co_await attempt_->settle();
    kept_.end(request_.head.headers.arena());
    end_try(repeated);
    if (!repeated) break;
    tried_.fresh = true;
    came = co_await connect_and_try(head);
  }
  co_return came;
}

Task<Result<>> Fetch::connect_and_try(ResponseHead& head) {
  auto lease = co_await connect();
  if (!lease) co_return std::unexpected(std::move(lease.error()));
  begin_try(std::move(*lease));
  co_return co_await attempt_->start(head);
}

Task<Result<upstream::Lease>> Fetch::connect() {
  const TimePoint asked = plan_.loop.now();
  const Deadline until = plan_.time.until(asked, plan_.clock);
  auto acquired = co_await plan_.cluster.acquire(plan_.worker, tried_, until, caller());
  const TimePoint now = plan_.loop.now();
  const Duration connecting = tell_failures();
  spent_ += connecting;
  if (!acquired) {
    // What was no try was waiting.
    if (observer_ != nullptr) observer_->waited(now - asked - connecting);
    if (any_try_) {
      const Reason why = plan_.time.named(acquired.error().reason, now, plan_.clock);
      call_.ended(now, call_end(why), 0, now - began_);
    }
    call_.give_up();
  }
  co_return acquired;
}

Duration Fetch::tell_failures() {
  const TimePoint now = plan_.loop.now();
  Duration took{};
  for (upstream::ConnectFailure& failure : tried_.connect_failures) {
    failure.reason = plan_.time.named(failure.reason, now, plan_.clock);
    const TryResult result = record_.connect_failed(failure);
    if (failure.endpoint) {
      plan_.cluster.tried(plan_.worker, *failure.endpoint,
                          {.end = call_end(failure.reason), .head = failure.took});
    }
    any_try_ = true;
    took += failure.took;
    if (observer_ == nullptr) continue;
    if (failure.endpoint) endpoint_ = copy(failure.endpoint->address());
    observer_->try_begins(endpoint_, {}, failure.took);
    const TryRecord record{.endpoint = endpoint_,
                           .result = name(result),
                           .took = failure.took,
                           .reason = failure.reason,
                           .connect = failure.took};
    if (observer_->wants_record(true)) observer_->try_ended(record, true);
  }
  tried_.connect_failures.clear();
  return took;
}

void Fetch::begin_try(upstream::Lease&& lease) {
  record_.leased(lease);
  if (debug_log::on(debug_log::Component::upstream, debug_log::Level::debug)) [[unlikely]]
    lease.tell_chosen(plan_.request_id);
  any_try_ = true;
  // A copy: a reload may take the endpoint away with its last lease.
  endpoint_ = copy(lease.endpoint().address());
  if (request_.head.authority.empty()) request_.head.authority = host_of(endpoint_);
  if (observer_ != nullptr) {
    observer_->try_begins(endpoint_, lease.queue_time, lease.connect_time);
  }
  Attempt::Owner& owner = *this;
  attempt_.emplace(owner, plan_, std::move(lease), request_, kept_, endpoint_);
}

// A failure counts before the client sees it; a long answer must not hold up a probe. A probe of
// gRPC waits for the trailers where codes count; who waits with it for them is let in when open_for
// is over once more.
void Fetch::head_came() {
  plan_.cluster.tried(plan_.worker, attempt_->endpoint(),
                      {.end = control::CallEnd::answered,
                       .status = attempt_->status(),
                       .head = attempt_->head_time()});
  const GrpcStatus grpc = attempt_->grpc_status();
  const bool counts = call_.counts_grpc();
  const bool failed_call = grpc > 0 && counts;
  const bool is_known = !attempt_->is_grpc() || grpc != no_grpc_status || !counts;
  if (attempt_->status() >= 500 || failed_call || (call_.is_probe() && is_known)) {
    tell_breaker(control::CallEnd::answered);
  }
}

Task<bool> Fetch::again(unsigned repeats) {
  Repeatable request{.idempotent = is_idempotent(request_.head.method),
                     .whole = true,
                     .repeats = repeats,
                     .most_repeats = plan_.most_repeats};
  if (!is_sent_again(attempt_->failed_try(), request)) co_return false;
  co_await attempt_->gather();
  request.whole = attempt_->has_whole_request();
  co_return is_sent_again(attempt_->failed_try(), request);
}

void Fetch::end_try(bool again) {
  const TryEnd end = attempt_->finish(record_);
  if (!attempt_->head_came()) {
    plan_.cluster.tried(plan_.worker, attempt_->endpoint(),
                        {.end = call_end(end), .head = attempt_->head_time()});
  }
  if (observer_ != nullptr) {
    if (attempt_->is_grpc()) observer_->grpc_ended(attempt_->grpc_status());
    if (observer_->wants_record(again)) observer_->try_ended(attempt_->record(end), again);
  }
  if (again) {
    spent_ += attempt_->spent();
  } else {
    tell_breaker(call_end(end));
  }
  attempt_.reset();
}

void Fetch::answer_ended() noexcept {
  const bool counts = attempt_->is_grpc() && attempt_->head_came() && call_.counts_grpc();
  if (counts && attempt_->complete()) tell_breaker(control::CallEnd::answered);
}

bool Fetch::into_tunnel() noexcept {
  if (!attempt_->into_tunnel()) return false;
  // A tunnel outlasts what the breaker's owner is kept for.
  tell_breaker(control::CallEnd::answered);
  return true;
}

Task<> Fetch::settle() {
  if (attempt_) co_await attempt_->settle();
}

void Fetch::tell_breaker(control::CallEnd end) {
  call_.ended(plan_.loop.now(), end, attempt_->status(), head_time(), attempt_->grpc_status());
  call_.give_up();
}

}  // namespace weir::proxy
