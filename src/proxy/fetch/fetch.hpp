// A request to a cluster until there is an answer: a connection, a try, the verdict on it, and once
// more or the answer. Owned by whoever reads the answer, client's exchange or not; worker thread
// only.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "proxy/fetch/attempt.hpp"
#include "proxy/fetch/hedging.hpp"
#include "proxy/fetch/kept_content.hpp"
#include "proxy/fetch/plan.hpp"
#include "proxy/fetch/retrying.hpp"
#include "proxy/upstream_record.hpp"
#include "weir/base/result.hpp"
#include "weir/base/task.hpp"
#include "weir/control/circuit_breaker.hpp"
#include "weir/http/body.hpp"
#include "weir/http/head.hpp"

namespace weir::proxy {

class Fetch final : private Attempt::Owner {
 public:
  // `call` is the breaker's, told of what all tries together came to. `request`, whose arena takes
  // what has to last, what `plan` refers to, and `observer` (null: nobody) outlive the fetch.
  Fetch(const FetchPlan& plan, Request& request, control::BreakerCall&& call,
        TryObserver* observer = nullptr);
  // REQUIRES: settled().
  ~Fetch();
  Fetch(const Fetch&) = delete;
  Fetch& operator=(const Fetch&) = delete;

  // Tries until an upstream gives a final head; fails with what the last try came to. In two steps,
  // so that a first try on an idle connection needs no coroutine of the fetch's own; each once:
  //
  //   Result<> came = co_await fetch.first_try(head);
  //   if (!came || fetch.doubts()) came = co_await fetch.further_tries(std::move(came), head);
  Task<Result<>> first_try(ResponseHead& head);
  // The answer that came is one that the plan's rule may retry. Never without a rule.
  bool doubts() const noexcept { return doubts_; }
  Task<Result<>> further_tries(Result<> came, ResponseHead& head);

  // --- once a try has succeeded
  BodyStream& content() noexcept { return *attempt_; }
  // The request's content was sent in full.
  bool upload_ended() const noexcept { return attempt_->upload_ended(); }
  // After a 101: takes the connection out of the count of requests. Fails when the upstream has its
  // tunnels.
  bool into_tunnel() noexcept;
  ByteStream& tunnel() noexcept { return attempt_->tunnel(); }
  void abort(Reason reason) noexcept { attempt_->abort(reason); }

  // Stops what still runs and returns when nothing does. Again, where it threw bad_alloc.
  Task<> settle();
  bool settled() const noexcept {
    return (!place_ || place_->settled()) && (!hedging_ || hedging_->settled()) &&
           (!retrying_ || retrying_->content() == nullptr || retrying_->content()->settled());
  }

 private:
  friend class Hedging;

  // A try by itself, on an idle connection where there is one.
  Task<Result<>> try_at_once(ResponseHead& head);
  // A try on a connection that has to be made, or waited for.
  Task<Result<>> connect_and_try(ResponseHead& head);
  Task<Result<upstream::Lease>> connect();
  // What a connect that the try's own limit cut is called.
  Reason named(Reason failure, TimePoint now) const noexcept {
    const bool is_tries =
        failure == Reason::request_timeout && retrying_ && now < plan_.time.until(now, plan_.clock);
    return is_tries ? Reason::try_timeout : failure;
  }
  // Tells of the connects that failed; returns how long they took. `lost`: the last one may have
  // been given up for another try; `hedge`: the number of the hedge that connected, 0 for none.
  Duration tell_failures(upstream::Tried& tried, bool lost, unsigned hedge = 0);
  void tell_begin(std::string_view endpoint, Duration queued, Duration connected, unsigned hedge) {
    if (observer_ == nullptr) return;
    if (hedge != 0) return observer_->hedge_begins(endpoint, queued, connected, hedge);
    observer_->try_begins(endpoint, queued, connected);
  }
  // Before a try on this lease; returns the endpoint's text, in the request's arena.
  std::string_view tell_leased(const upstream::Lease& lease);
  void begin_try(upstream::Lease&& lease);
  // What follows the try that came to this, or the connects that failed; waits for the rest of the
  // content where the request could be replayed.
  Task<Again> what_next(const Result<>& came, unsigned repeats);
  Repeatable repeatable(unsigned repeats) const noexcept;
  // After a connection that ended before anything was sent: there is another endpoint, or the only
  // one may be tried once more.
  bool goes_elsewhere();
  // Leaves this endpoint for another; returns how long the only one is waited for.
  std::optional<Duration> go_elsewhere();
  // How long the retry that the rule wants waits; nothing: there is none.
  std::optional<Duration> prepare_retry(const Result<>& came, const ResponseHead& head);
  // Ends the try, which another one follows: `answered`, its answer is thrown away.
  Task<> leave_try(Again next, bool answered);
  // Fails with why the request is not sent again after all.
  Task<Result<>> pause(Duration time);
  // Nothing follows.
  Task<> conclude(const Result<>& came);
  void end_try(Again next);
  TryEnd tell_end(const Attempt& attempt, Again next);
  // The endpoint's verdict, of a head that came.
  void tell_head(const Attempt& attempt);
  // Whether the head is one that the rule may retry, and what it says of the call.
  void weigh_head();
  // The head that came is the client's.
  void judge_head();
  // Where the head says how the call ended, the breaker is told.
  void head_came() override;
  void answer_ended() noexcept override;
  Duration head_time() const noexcept { return spent_ + attempt_->head_time(); }
  void tell_breaker(control::CallEnd end);
  std::string_view copy(std::string_view text) { return request_.head.headers.arena().copy(text); }

  const FetchPlan plan_;
  Request& request_;
  TryObserver* const observer_;
  UpstreamRecord record_;
  control::BreakerCall call_;
  const TimePoint began_;
  upstream::Tried tried_;
  KeptContent kept_;
  Duration spent_{};           // by the tries before this one
  std::string_view endpoint_;  // of the last try; in the request's arena
  bool any_try_ = false;       // one began, or failed to connect
  bool doubts_ = false;
  std::unique_ptr<Retrying> retrying_;  // null: without a rule
  std::optional<Attempt> place_;
  std::unique_ptr<Hedging> hedging_;  // null: no hedges
  Attempt* attempt_ = nullptr;        // in place_, or the one that won a race
};

}  // namespace weir::proxy
