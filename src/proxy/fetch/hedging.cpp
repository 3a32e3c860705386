#include "proxy/fetch/hedging.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "proxy/fetch/again.hpp"
#include "proxy/fetch/fetch.hpp"

namespace weir::proxy {
namespace {

// How soon a first try that waits for a permit is looked at again.
constexpr Duration look_again = std::chrono::milliseconds(10);

std::unexpected<Error> given_up() {
  return fail(Reason::client_closed, Side::downstream, "another try of the request won");
}

}  // namespace

class Hedging::Rival final : public Racer, public Attempt::Owner {
 public:
  Rival(Hedging& race, CancelScope& parent, upstream::Tried&& but,
        control::RetryBudget::Permit&& place)
      : Racer(parent), of(race), tried(std::move(but)), permit(std::move(place)) {}

  void head_came() override { of.head_came(*this, *attempt); }
  void answer_ended() noexcept override {
    if (attempt && of.fetch_.attempt_ == &*attempt) of.fetch_.answer_ended();
  }

  Hedging& of;
  upstream::Tried tried;
  std::optional<control::RetryBudget::Permit> permit;
  unsigned number = 0;  // among the request's hedges
  bool sent = false;    // a try began, or a connect failed
  KeptContent kept;     // stays empty: there is no content
  std::optional<Attempt> attempt;
};

Hedging::Hedging(Fetch& fetch)
    : fetch_(fetch),
      plan_(fetch.plan_),
      tasks_(plan_.loop),
      changed_(plan_.loop),
      left_(plan_.hedge->most) {
  plan_.interim = nullptr;
}

Hedging::~Hedging() = default;

bool Hedging::begins() noexcept {
  if (left_ == 0) return false;
  const auto after = plan_.hedge->after(plan_.cluster.heads(), plan_.loop.now());
  after_ = after.value_or(Duration::zero());
  return after.has_value();
}

CancelScope& Hedging::scope() noexcept { return racing_ ? first_->scope : plan_.scope(); }

Task<Result<>> Hedging::race(ResponseHead& head) {
  began_ = plan_.loop.now();
  winner_ = nullptr;
  candidate_ = nullptr;
  rivals_.clear();
  fetch_.tried_.connecting = {};
  first_.emplace(plan_.scope());
  racing_ = true;
  tasks_.spawn(run_first());
  while (!is_decided()) {
    if (is_due()) join_race();
    co_await changed_.wait(next_look());
    static_cast<void>(changed_.result());
  }
  // Those that were given up end within this turn.
  while (tasks_.size() != 0) co_await tasks_.ended();
  if (winner_ == nullptr && candidate_ != nullptr) win(*candidate_);
  // Nobody has a head: the first one's failure is that of all.
  if (winner_ == nullptr) winner_ = &*first_;
  co_await end_others();
  racing_ = false;
  head = std::move(winner_->head);
  co_return std::move(*winner_->came);
}

// A race of which a part had no memory fails as the request would without one.
Task<> Hedging::run_first() {
  try {
    Result<> came = co_await fetch_.try_at_once(first_->head);
    first_->came.emplace(std::move(came));
  } catch (const std::bad_alloc&) {
    first_->came.emplace(std::unexpected(error_of(Reason::internal, Side::internal, {})));
  }
  changed_.notify();
}

Task<> Hedging::run(Rival& rival) {
  try {
    Result<> came = co_await try_at(rival);
    rival.came.emplace(std::move(came));
  } catch (const std::bad_alloc&) {
    rival.came.emplace(std::unexpected(error_of(Reason::internal, Side::internal, {})));
  }
  changed_.notify();
}

Task<Result<>> Hedging::try_at(Rival& rival) {
  upstream::Caller caller = plan_.caller;
  caller.scope = &rival.scope;
  std::optional<upstream::Lease> lease =
      plan_.cluster.try_acquire(plan_.worker, rival.tried, caller);
  if (!lease) {
    const Deadline until = plan_.time.until(plan_.loop.now(), plan_.clock);
    auto acquired = co_await plan_.cluster.acquire(plan_.worker, rival.tried, until, caller);
    rival.sent = !rival.tried.connect_failures.empty();
    fetch_.tell_failures(rival.tried, rival.lost, rival.number);
    if (!acquired) co_return std::unexpected(std::move(acquired.error()));
    lease.emplace(std::move(*acquired));
  }
  if (rival.lost) {
    lease->give_back();
    co_return given_up();
  }
  rival.sent = true;
  const std::string_view endpoint = fetch_.tell_leased(*lease);
  const Duration queued = lease->queue_time;
  const Duration connected = lease->connect_time;
  rival.permit->set_in_flight(true);
  Attempt::Owner& owner = rival;
  rival.attempt.emplace(owner, plan_, std::move(*lease), fetch_.request_, rival.kept, nullptr,
                        endpoint);
  fetch_.tell_begin(endpoint, queued, connected, rival.number);
  co_return co_await rival.attempt->start(rival.head);
}

std::optional<TimePoint> Hedging::waited_since() const noexcept {
  if (fetch_.place_) return plan_.loop.now() - fetch_.place_->spent();
  const upstream::Tried::Connecting& connecting = fetch_.tried_.connecting;
  if (connecting.endpoint == 0) return std::nullopt;
  return connecting.since;
}

bool Hedging::is_due() const noexcept {
  if (left_ == 0 || !may_answer(*first_)) return false;
  const auto since = waited_since();
  const auto tries = static_cast<Duration::rep>(rivals_.size() + 1);
  return since && plan_.loop.now() - *since >= after_ * tries;
}

Deadline Hedging::next_look() const noexcept {
  if (left_ == 0 || !may_answer(*first_)) return no_deadline;
  const auto since = waited_since();
  if (!since) return plan_.loop.now() + std::max(after_, look_again);
  return *since + after_ * static_cast<Duration::rep>(rivals_.size() + 1);
}

upstream::Tried Hedging::elsewhere() const {
  upstream::Tried out = fetch_.tried_;
  out.add(fetch_.place_ ? fetch_.place_->endpoint().id() : fetch_.tried_.connecting.endpoint);
  for (const auto& rival : rivals_) {
    if (rival->attempt) {
      out.add(rival->attempt->endpoint());
    } else if (rival->tried.connecting.endpoint != 0) {
      out.add(rival->tried.connecting.endpoint);
    }
  }
  out.connect_failures.clear();
  out.connecting = {};
  out.fresh = false;
  // A hedge is to be quick: it waits in no queue, and looks for no third endpoint.
  out.connects_left = 1;
  out.once_more = false;
  out.may_wait = false;
  return out;
}

void Hedging::join_race() {
  upstream::Cluster& cluster = plan_.cluster;
  upstream::Tried but = elsewhere();
  if (!cluster.breaker().lets_retry(fetch_.call_) ||
      !cluster.has_untried(plan_.worker, but, plan_.caller)) {
    left_ = 0;
    return;
  }
  auto permit = cluster.retry_budget().take(cluster.requests_in_flight(plan_.worker));
  if (!permit) {
    fetch_.record_.hedge(telemetry::HedgeResult::budget);
    left_ = 0;
    return;
  }
  --left_;
  rivals_.push_back(
      std::make_unique<Rival>(*this, plan_.scope(), std::move(but), std::move(*permit)));
  rivals_.back()->number = plan_.hedge->most - left_;
  tasks_.spawn(run(*rivals_.back()));
}

void Hedging::first_head_came() { head_came(*first_, *fetch_.place_); }

void Hedging::head_came(Racer& racer, const Attempt& attempt) {
  // It came in the same turn as the winner's.
  if (racer.lost) return;
  racer.answered = true;
  fetch_.tell_head(attempt);
  if (winner_ != nullptr) return;
  if (!is_poor(attempt.ended(), plan_.retry)) return win(racer);
  if (candidate_ == nullptr) candidate_ = &racer;
  if (!others_may_answer(racer)) win(*candidate_);
}

void Hedging::win(Racer& racer) {
  winner_ = &racer;
  const TimePoint now = plan_.loop.now();
  if (&racer != &*first_) {
    // To the breaker the call took as long as all its tries together.
    Attempt& attempt = *attempt_of(racer);
    const Duration waited = now - waited_since().value_or(began_);
    fetch_.spent_ += std::max(waited - attempt.head_time(), Duration::zero());
    fetch_.attempt_ = &attempt;
  }
  if (may_answer(*first_)) lose(*first_);
  for (const auto& rival : rivals_) {
    if (rival.get() != &racer && may_answer(*rival)) lose(*rival);
  }
  fetch_.weigh_head();
  changed_.notify();
}

void Hedging::lose(Racer& racer) {
  // How long its head takes nobody will know, but that it takes longer than this: without these the
  // quantiles would sink with each hedge that wins. One that joined has not waited so long.
  const auto since = waited_since();
  if (&racer == &*first_ && since && plan_.cluster.heads().watched()) {
    const TimePoint now = plan_.loop.now();
    plan_.cluster.heads().add(plan_.worker, now, now - *since);
  }
  racer.lost = true;
  if (Attempt* const attempt = attempt_of(racer)) {
    attempt->lose();
  } else {
    racer.scope.cancel(Reason::client_closed);
  }
}

bool Hedging::others_may_answer(const Racer& but) const noexcept {
  if (&but != &*first_ && may_answer(*first_)) return true;
  return std::ranges::any_of(
      rivals_, [&](const auto& rival) { return rival.get() != &but && may_answer(*rival); });
}

bool Hedging::is_decided() const noexcept {
  if (winner_ != nullptr) return true;
  return first_->came &&
         std::ranges::all_of(rivals_, [](const auto& rival) { return rival->came.has_value(); });
}

Attempt* Hedging::attempt_of(const Racer& racer) const noexcept {
  if (&racer == &*first_) return fetch_.place_ ? &*fetch_.place_ : nullptr;
  auto& attempt = const_cast<Rival&>(static_cast<const Rival&>(racer)).attempt;
  return attempt ? &*attempt : nullptr;
}

Task<> Hedging::end_others() {
  bool joined = false;
  if (winner_ != &*first_) {
    co_await end(*first_);
    fetch_.place_.reset();
  }
  for (const auto& rival : rivals_) {
    rival->permit.reset();
    if (!rival->sent) continue;
    joined = true;
    const bool won = rival.get() == winner_;
    fetch_.record_.hedge(won ? telemetry::HedgeResult::won : telemetry::HedgeResult::lost);
    if (!won) co_await end(*rival);
  }
  std::erase_if(rivals_, [&](const auto& rival) { return rival.get() != winner_; });
  if (joined && fetch_.attempt_ != nullptr && fetch_.observer_ != nullptr) {
    fetch_.observer_->answers(fetch_.copy(fetch_.attempt_->endpoint().address()));
  }
}

Task<> Hedging::end(Racer& racer) {
  Attempt* const attempt = attempt_of(racer);
  if (attempt == nullptr) co_return;
  if (racer.answered) {
    // Its answer is not wanted: nobody reads on.
    attempt->lose();
  } else if (!racer.lost && attempt->failure()) {
    fetch_.record_.failed(plan_.loop.now(), attempt->endpoint(), *attempt->failure(),
                          attempt->ended().reused);
    if (!fetch_.tried_.contains(attempt->endpoint())) fetch_.tried_.add(attempt->endpoint());
  }
  co_await attempt->settle();
  // What a fetch would replay by itself (a kept connection that had ended meanwhile, a refusal
  // unread) is no failure of the endpoint here, either.
  const Again by_itself = again(attempt->ended(), fetch_.repeatable(0), nullptr);
  fetch_.tell_end(*attempt, by_itself == Again::replay ? Again::replay : Again::retry);
}

void Hedging::clear() noexcept {
  rivals_.clear();
  winner_ = nullptr;
  candidate_ = nullptr;
}

Task<> Hedging::settle() {
  if (tasks_.size() != 0) {
    if (may_answer(*first_)) lose(*first_);
    for (const auto& rival : rivals_) {
      if (may_answer(*rival)) lose(*rival);
    }
    while (tasks_.size() != 0) co_await tasks_.ended();
  }
  for (const auto& rival : rivals_) {
    if (rival->attempt) co_await rival->attempt->settle();
  }
}

bool Hedging::settled() const noexcept {
  return tasks_.size() == 0 && std::ranges::all_of(rivals_, [](const auto& rival) {
           return !rival->attempt || rival->attempt->settled();
         });
}

}  // namespace weir::proxy
