#include "proxy/fetch/fetch.hpp"

#include <utility>

#include "proxy/fetch/again.hpp"
#include "weir/base/chance.hpp"
#include "weir/base/debug_log.hpp"
#include "weir/control/retry_backoff.hpp"
#include "weir/http/retry_after.hpp"

namespace weir::proxy {
namespace {

// HTTP/1.0 knows requests without a Host; the upstream need not take one that is empty.
std::string_view host_of(std::string_view endpoint) noexcept {
  return endpoint.starts_with("unix:") ? "localhost" : endpoint;
}

}  // namespace

Fetch::Fetch(const FetchPlan& plan, Request& request, control::BreakerCall&& call,
             TryObserver* observer)
    : plan_(plan),
      request_(request),
      observer_(observer),
      record_(plan.metrics, plan.worker),
      call_(std::move(call)),
      began_(plan.loop.now()) {
  tried_.tunnel = request.head.upgrade_websocket;
  if (!plan_.failover) {
    tried_.connects_left = 1;
    tried_.once_more = false;
  }
  if (plan_.hedge != nullptr && HedgeRule::allows(request)) [[unlikely]]
    hedging_ = std::make_unique<Hedging>(*this);
  if (plan_.retry == nullptr) [[likely]]
    return;
  tried_.connect_limit = plan_.retry->try_timeout;
  retrying_ = std::make_unique<Retrying>(plan_, request_, record_);
}

Fetch::~Fetch() {
  if (attempt_) end_try(Again::no);
}

Task<Result<>> Fetch::first_try(ResponseHead& head) {
  if (hedging_ && hedging_->begins()) [[unlikely]]
    return hedging_->race(head);
  return try_at_once(head);
}

Task<Result<>> Fetch::try_at_once(ResponseHead& head) {
  std::optional<upstream::Lease> lease =
      plan_.cluster.try_acquire(plan_.worker, tried_, plan_.caller);
  if (!lease) return connect_and_try(head);
  begin_try(std::move(*lease));
  return attempt_->start(head);
}

Task<Result<>> Fetch::further_tries(Result<> came, ResponseHead& head) {
  for (unsigned repeats = 0;;) {
    if (attempt_ && attempt_->failure()) {
      record_.failed(plan_.loop.now(), attempt_->endpoint(), came.error(),
                     attempt_->ended().reused);
    }
    const Again next = co_await what_next(came, repeats);
    std::optional<Duration> wait;
    if (next == Again::retry) wait = prepare_retry(came, head);
    if (next == Again::lost) retrying_->lost_content();
    if (next == Again::no || next == Again::lost || (next == Again::retry && !wait)) {
      co_await conclude(came);
      co_return came;
    }
    if (next == Again::elsewhere) wait = go_elsewhere();
    if (next != Again::retry) ++repeats;
    tried_.fresh =
        next == Again::replay || (!came && came.error().reason == Reason::upstream_reset);
    co_await leave_try(next, came.has_value());
    if (wait) {
      head = ResponseHead();
      came = co_await pause(*wait);
      if (!came) {
        co_await conclude(came);
        co_return came;
      }
      if (next == Again::retry) retrying_->begin();
    }
    const bool hedged = hedging_ && hedging_->begins();
    Task<Result<>> trying = hedged ? hedging_->race(head) : connect_and_try(head);
    came = co_await std::move(trying);
    if (came && !doubts_) co_return came;
  }
}

Repeatable Fetch::repeatable(unsigned repeats) const noexcept {
  Repeatable out{.idempotent = is_idempotent(request_.head.method),
                 .whole = true,
                 .repeats = repeats,
                 .most_repeats = plan_.most_repeats};
  if (!retrying_) return out;
  out.retried = retrying_->allowed();
  out.retries = retrying_->retries();
  const ReplayedContent* const content = retrying_->content();
  out.kept = content != nullptr ? !content->lost()
                                : request_.body == nullptr || !attempt_ || attempt_->untaken();
  return out;
}

bool Fetch::goes_elsewhere() {
  if (!plan_.failover || !tried_.goes_on()) return false;
  if (tried_.once_more && tried_.size() == 0) return true;
  upstream::Tried tried = tried_;
  tried.add(attempt_->endpoint());
  return plan_.cluster.has_untried(plan_.worker, tried, plan_.caller);
}

std::optional<Duration> Fetch::go_elsewhere() {
  tried_.add(attempt_->endpoint());
  --tried_.connects_left;
  if (plan_.cluster.has_untried(plan_.worker, tried_, plan_.caller)) return std::nullopt;
  tried_.once_more = false;
  tried_.forget();
  return control::pause_before_last(chance());
}

Task<Again> Fetch::what_next(const Result<>& came, unsigned repeats) {
  const RetryRule* const rule = retrying_ ? &retrying_->rule() : nullptr;
  Repeatable request = repeatable(repeats);
  if (!attempt_) {
    const EndedTry ended{.failure = came.error().reason, .connected = false, .unsent = true};
    if (retrying_ && came.error().side != Side::downstream) retrying_->came_to(false);
    co_return any_try_ ? again(ended, request, rule) : Again::no;
  }
  const EndedTry ended = attempt_->ended();
  request.elsewhere = ended.unsent && !ended.reused && goes_elsewhere();
  const Again first = again(attempt_->ended(), request, rule);
  if (first == Again::replay || first == Again::elsewhere) {
    co_await attempt_->gather();
    request.whole = attempt_->has_whole_request();
  }
  if (retrying_ && !came && came.error().side != Side::downstream) retrying_->came_to(false);
  co_return again(attempt_->ended(), request, rule);
}

std::optional<Duration> Fetch::prepare_retry(const Result<>& came, const ResponseHead& head) {
  if (attempt_) {
    const upstream::Endpoint& endpoint = attempt_->endpoint();
    if (!tried_.contains(endpoint)) tried_.add(endpoint);
    if (came && (head.status == 429 || head.status == 503)) {
      const auto field = head.headers.get(FieldId::retry_after);
      const auto alone = field ? parse_retry_after(*field, std::time(nullptr)) : std::nullopt;
      if (alone && *alone > Duration::zero()) {
        retrying_->bind(endpoint.id(), plan_.loop.now() + *alone);
      }
    }
  }
  return retrying_->prepare(tried_, call_);
}

Task<> Fetch::leave_try(Again next, bool answered) {
  if (!attempt_) co_return;
  if (answered) co_await attempt_->discard();
  co_await attempt_->settle();
  kept_.end(request_.head.headers.arena());
  end_try(next);
  doubts_ = false;
}

Task<Result<>> Fetch::pause(Duration time) {
  net::Waiter waiter(plan_.loop);
  const Deadline until = plan_.loop.now() + time;
  const OnCancel stop(plan_.caller.scope, [&](Reason) noexcept { waiter.cancel(); });
  ReplayedContent* const content = retrying_ ? retrying_->content() : nullptr;
  if (content != nullptr) content->tell_failure(&waiter);
  while (plan_.loop.now() < until && !plan_.scope().cancelled() &&
         (content == nullptr || content->failure() == nullptr)) {
    co_await waiter.wait(until);
    static_cast<void>(waiter.result());
  }
  if (content != nullptr) content->tell_failure(nullptr);
  if (plan_.scope().cancelled()) {
    co_return fail(plan_.scope().reason(), Side::downstream, "while a retry waited");
  }
  if (content != nullptr && content->failure() != nullptr) {
    co_return std::unexpected(*content->failure());
  }
  if (!plan_.cluster.breaker().lets_retry(call_)) {
    co_return fail(Reason::circuit_open, Side::upstream, "it opened while a retry waited");
  }
  // Endpoints may have gone meanwhile.
  if (!plan_.cluster.has_untried(plan_.worker, tried_, plan_.caller)) tried_.forget();
  co_return Result<>{};
}

Task<> Fetch::conclude(const Result<>& came) {
  if (came) {
    doubts_ = false;
    judge_head();
    co_return;
  }
  if (attempt_) {
    co_await attempt_->settle();
    kept_.end(request_.head.headers.arena());
    end_try(Again::no);
    if (retrying_) retrying_->give_content_back();
    co_return;
  }
  if (retrying_) {
    retrying_->end();
    retrying_->give_content_back();
  }
  const TimePoint now = plan_.loop.now();
  if (any_try_) {
    const Reason why = plan_.time.named(came.error().reason, now, plan_.clock);
    call_.ended(now, call_end(why), 0, now - began_);
  }
  call_.give_up();
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
  upstream::Caller caller = plan_.caller;
  if (hedging_) [[unlikely]]
    caller.scope = &hedging_->scope();
  auto acquired = co_await plan_.cluster.acquire(plan_.worker, tried_, until, caller);
  const TimePoint now = plan_.loop.now();
  const bool lost = caller.scope->cancelled() && !plan_.scope().cancelled();
  const Duration connecting = tell_failures(tried_, lost);
  if (acquired && lost) {
    acquired->give_back();
    acquired = fail(caller.scope->reason(), Side::downstream);
  }
  spent_ += connecting;
  if (!acquired) acquired.error().reason = named(acquired.error().reason, now);
  // What was no try was waiting.
  if (!acquired && observer_ != nullptr) observer_->waited(now - asked - connecting);
  co_return acquired;
}

Duration Fetch::tell_failures(upstream::Tried& tried, bool lost, unsigned hedge) {
  const TimePoint now = plan_.loop.now();
  Duration took{};
  for (upstream::ConnectFailure& failure : tried.connect_failures) {
    const bool given_up = lost && failure.reason == Reason::client_closed;
    failure.reason = plan_.time.named(named(failure.reason, now), now, plan_.clock);
    const TryResult result = record_.connect_failed(failure, given_up);
    if (failure.endpoint) {
      plan_.cluster.tried(plan_.worker, *failure.endpoint,
                          {.end = call_end(failure.reason), .head = failure.took});
    }
    any_try_ = true;
    took += failure.took;
    if (observer_ == nullptr) continue;
    std::string_view endpoint;
    if (failure.endpoint) endpoint = copy(failure.endpoint->address());
    tell_begin(endpoint, {}, failure.took, hedge);
    const TryRecord record{.endpoint = endpoint,
                           .result = name(result),
                           .took = failure.took,
                           .reason = given_up ? Reason::none : failure.reason,
                           .connect = failure.took};
    if (observer_->wants_record(true)) observer_->try_ended(record, true);
  }
  tried.connect_failures.clear();
  return took;
}

std::string_view Fetch::tell_leased(const upstream::Lease& lease) {
  record_.leased(lease);
  if (debug_log::on(debug_log::Component::upstream, debug_log::Level::debug)) [[unlikely]]
    lease.tell_chosen(plan_.request_id);
  any_try_ = true;
  // A copy: a reload may take the endpoint away with its last lease.
  const std::string_view endpoint = copy(lease.endpoint().address());
  if (request_.head.authority.empty()) request_.head.authority = host_of(endpoint);
  return endpoint;
}

void Fetch::begin_try(upstream::Lease&& lease) {
  endpoint_ = tell_leased(lease);
  const Duration queued = lease.queue_time;
  const Duration connected = lease.connect_time;
  Attempt::Owner& owner = *this;
  ReplayedContent* const replayed = retrying_ ? retrying_->content() : nullptr;
  if (retrying_) retrying_->set_in_flight(true);
  place_.emplace(owner, plan_, std::move(lease), request_, kept_, replayed, endpoint_);
  attempt_ = &*place_;
  // Once there is one that will be told to have ended.
  tell_begin(endpoint_, queued, connected, 0);
}

// A failure counts before the client sees it; a long answer must not hold up a probe. A probe of
// gRPC waits for the trailers where codes count; who waits with it for them is let in when open_for
// is over once more.
void Fetch::head_came() {
  if (hedging_ && hedging_->races()) [[unlikely]]
    return hedging_->first_head_came();
  tell_head(*attempt_);
  weigh_head();
}

void Fetch::tell_head(const Attempt& attempt) {
  plan_.cluster.tried(
      plan_.worker, attempt.endpoint(),
      {.end = control::CallEnd::answered, .status = attempt.status(), .head = attempt.head_time()});
}

void Fetch::weigh_head() {
  if (retrying_) {
    const EndedTry ended = attempt_->ended();
    const Again next = again(ended, repeatable(0), &retrying_->rule());
    doubts_ = next == Again::retry || next == Again::lost;
    retrying_->came_to(!retrying_->rule().holds(ended));
  }
  if (!doubts_) judge_head();
}

void Fetch::judge_head() {
  if (!call_.counts()) return;
  const GrpcStatus grpc = attempt_->grpc_status();
  const bool counts = call_.counts_grpc();
  const bool failed_call = grpc > 0 && counts;
  const bool is_known = !attempt_->is_grpc() || grpc != no_grpc_status || !counts;
  if (attempt_->status() >= 500 || failed_call || (call_.is_probe() && is_known)) {
    tell_breaker(control::CallEnd::answered);
  }
}

TryEnd Fetch::tell_end(const Attempt& attempt, Again next) {
  const bool again = next != Again::no;
  const TryEnd end = attempt.finish(record_);
  if (!attempt.head_came()) {
    // A kept connection that had ended meanwhile, or a refusal unread, is no failure of the
    // endpoint.
    const control::CallEnd told = next == Again::replay ? control::CallEnd::unknown : call_end(end);
    plan_.cluster.tried(plan_.worker, attempt.endpoint(),
                        {.end = told, .head = attempt.head_time()});
  }
  if (observer_ != nullptr) {
    if (attempt.is_grpc()) observer_->grpc_ended(attempt.grpc_status());
    if (observer_->wants_record(again)) observer_->try_ended(attempt.record(end), again);
  }
  return end;
}

void Fetch::end_try(Again next) {
  const bool again = next != Again::no;
  const TryEnd end = tell_end(*attempt_, next);
  if (retrying_) {
    retrying_->set_in_flight(false);
    if (!again) retrying_->end();
  }
  if (again) {
    spent_ += attempt_->spent();
  } else if (call_.counts()) {
    tell_breaker(call_end(end));
  }
  attempt_ = nullptr;
  place_.reset();
  if (hedging_) hedging_->clear();
}

void Fetch::answer_ended() noexcept {
  if (doubts_) return;
  const bool counts = attempt_->is_grpc() && attempt_->head_came() && call_.counts_grpc();
  if (counts && attempt_->complete()) tell_breaker(control::CallEnd::answered);
}

bool Fetch::into_tunnel() noexcept {
  if (!attempt_->into_tunnel()) return false;
  // A tunnel outlasts what the breaker's owner is kept for, and is no request in flight.
  if (retrying_) retrying_->end();
  tell_breaker(control::CallEnd::answered);
  return true;
}

Task<> Fetch::settle() {
  if (hedging_) co_await hedging_->settle();
  if (place_) co_await place_->settle();
  if (retrying_ && retrying_->content() != nullptr) co_await retrying_->content()->settle();
}

void Fetch::tell_breaker(control::CallEnd end) {
  call_.ended(plan_.loop.now(), end, attempt_->status(), head_time(), attempt_->grpc_status());
  call_.give_up();
}

}  // namespace weir::proxy
