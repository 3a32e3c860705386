#include "upstream/worker_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "upstream/debug_steps.hpp"
#include "weir/base/age.hpp"
#include "weir/telemetry/log.hpp"

namespace weir::upstream {

WorkerView::WorkerView(Cluster& cluster, net::Loop& loop, unsigned worker)
    : cluster_(cluster),
      loop_(loop),
      worker_(worker),
      choice_(worker, static_cast<unsigned>(cluster.workers_.size())) {}

void WorkerView::take_over() {
  // Read before the state: a change in between is taken over again next time.
  const std::uint64_t generation = cluster_.generation_.load(std::memory_order_acquire);
  std::shared_ptr<const Cluster::State> next = cluster_.state();
  // First what takes memory: without it the state before stays, and this is tried again.
  std::vector<std::shared_ptr<Endpoint>> perhaps_gone = detached_;
  if (state_) {
    perhaps_gone.insert(perhaps_gone.end(), state_->endpoints.begin(), state_->endpoints.end());
  }
  std::vector<std::shared_ptr<Endpoint>> detached;
  detached.reserve(perhaps_gone.size());
  pending_.reserve(next->settings.pool);

  seen_ = generation;
  const std::shared_ptr<const Cluster::State> before = std::exchange(state_, std::move(next));
  for (const auto& endpoint : perhaps_gone) {
    endpoint->slot(worker_).detached = true;
    endpoint->slot(worker_).in_use = false;
    endpoint->slot(worker_).zone_requests = nullptr;
  }
  for (const auto& endpoint : state_->endpoints) endpoint->slot(worker_).detached = false;
  for (auto& endpoint : perhaps_gone) {
    Endpoint::Slot& slot = endpoint->slot(worker_);
    if (!slot.detached) continue;
    slot.clear();
    if (slot.leases != 0) detached.push_back(std::move(endpoint));
  }
  detached_ = std::move(detached);

  const bool other_tls = before && before->tls != state_->tls;
  if (other_tls) ++tls_changes_;
  for (const auto& endpoint : state_->endpoints) {
    // Made under what holds no more: another certificate, or none.
    if (other_tls) endpoint->slot(worker_).clear();
    const bool ready = endpoint->state() == EndpointState::ready;
    if (!ready || !keeps()) endpoint->slot(worker_).clear();
    if (SessionPool* const sessions = endpoint->slot(worker_).sessions.get()) configure(*sessions);
  }
  const config::LoadBalancer& balancer = state_->settings.load_balancer;
  const bool moves = balancer.weights == config::BalancerWeights::reported ||
                     (balancer.splits_zones() && !state_->zones.empty());
  reweigh_at_ = moves ? loop_.now() + reweigh_after : no_deadline;
  const config::Concurrency& concurrency = state_->settings.concurrency;
  const bool is_off = concurrency.policy == config::ConcurrencyPolicy::off;
  limit_ = is_off ? state_->settings.pool.in_flight : concurrency.most();
  measures_ = concurrency.is_adaptive();
  pending_.configure(state_->settings.pool);
  publish_queue();
  try {
    count_zones();
    choice_.change(balancer, state_->endpoints, state_->zones, seen_, loop_.now());
  } catch (const std::bad_alloc&) {
    // The next refresh() begins anew.
    preferred_ = nullptr;
    seen_ = 0;
    throw;
  }
  for (Endpoint* const endpoint : choice_.endpoints()) endpoint->slot(worker_).in_use = true;
  if (preferred_ != nullptr && !choice_.contains(preferred_)) preferred_ = nullptr;
  unschedule();
  if (keeps() && choice_.next_growth() != no_deadline) {
    loop_.wheel().schedule(*this, choice_.next_growth());
  }
  cluster_.in_service_.store(true, std::memory_order_relaxed);
  serve_pending();
  // All workers see the same; one of them says so.
  if (worker_ == 0) tell_panic();
}

void WorkerView::count_zones() {
  for (std::size_t i = 0; i < state_->zone_counts.size(); ++i) {
    const auto& counts = state_->zone_counts[i];
    if (!counts) continue;
    state_->endpoints[i]->slot(worker_).zone_requests = &counts->shard(worker_).requests;
  }
}

void WorkerView::expire(TimePoint) noexcept {
  seen_ = 0;
  try_refresh();
}

void WorkerView::tell_panic() {
  if (choice_.panics() == told_panic_ || state_->retired) return;
  told_panic_ = choice_.panics();
  const auto healthy = std::ranges::count_if(
      state_->endpoints, [](const auto& endpoint) { return endpoint->health().in(); });
  const std::string numbers = fmt::format("{} of {}", healthy, state_->endpoints.size());
  if (told_panic_) {
    telemetry::log::warn("too few healthy endpoints: health is ignored",
                         {{"upstream", cluster_.name()}, {"healthy", numbers}});
  } else {
    telemetry::log::info("enough endpoints are healthy again",
                         {{"upstream", cluster_.name()}, {"healthy", numbers}});
  }
}

void WorkerView::configure(SessionPool& sessions) const noexcept {
  sessions.configure(state_->settings.pool.h2_connections, state_->settings.idle_timeout);
}

bool WorkerView::multiplexes(const Endpoint& endpoint) const noexcept {
  const config::UpstreamProtocol protocol = state_->settings.protocol;
  if (protocol == config::UpstreamProtocol::http1) return false;
  return protocol == config::UpstreamProtocol::h2 || !endpoint.slot(worker_).http1;
}

SessionPool& WorkerView::sessions(Endpoint& endpoint) {
  Endpoint::Slot& slot = endpoint.slot(worker_);
  if (!slot.sessions) {
    slot.sessions = std::make_unique<SessionPool>(loop_, slot.sessions_idle, slot.sessions_active);
    configure(*slot.sessions);
  }
  return *slot.sessions;
}

Endpoint* WorkerView::pick_among(const Tried& tried, const Caller& caller) {
  const auto eligible = [&](const Endpoint& endpoint) {
    return has_room(endpoint) && may_use(endpoint, tried, caller);
  };
  Endpoint* const preferred = std::exchange(preferred_, nullptr);
  if (preferred != nullptr && eligible(*preferred) && !choice_.is_by_key(caller)) return preferred;
  // Who comes here again after a connect that failed has had his turn: the next request shall not
  // meet the same endpoint for that.
  const control::Turn turn = tried.size() == 0 ? control::Turn::moves : control::Turn::stays;
  const TimePoint now = loop_.now();
  bool some_last = false;
  bool some_full = false;
  Endpoint* due = nullptr;
  const auto first_choice = [&](Endpoint& endpoint) {
    if (!may_use(endpoint, tried, caller)) return false;
    if (is_last_choice(endpoint)) {
      some_last = true;
      if (endpoint.backoff_.standing(now) == control::ConnectBackoff::Standing::due) {
        due = &endpoint;
      }
      return false;
    }
    if (has_room(endpoint)) return true;
    some_full = true;
    return false;
  };
  const std::size_t tier = choice_.first_tier(caller, turn);
  Endpoint* chosen = choice_.pick(tier, caller, now, turn, first_choice);
  if (chosen != nullptr || some_full) {
    // This request is served by others, and finds out nothing by itself.
    if (due != nullptr) probe(*due);
  } else if (some_last) {
    chosen = choice_.pick(tier, caller, now, turn, eligible);
  }
  return chosen;
}

bool WorkerView::is_last_choice(const Endpoint& endpoint) const noexcept {
  using Standing = control::ConnectBackoff::Standing;
  const Standing standing = endpoint.backoff_.standing(loop_.now());
  if (!state_->firsts.empty() && is_second_family(endpoint)) return true;
  if (standing == Standing::good) [[likely]]
    return false;
  if (standing != Standing::untried) return true;
  // Somebody finds out. Who needs no connect does not wait for that.
  const Endpoint::Slot& slot = endpoint.slot(worker_);
  return endpoint.backoff_.claimed() && slot.idle.size() == 0 &&
         slot.sessions_idle.load(std::memory_order_relaxed) == 0 &&
         slot.sessions_active.load(std::memory_order_relaxed) == 0;
}

bool WorkerView::is_second_family(const Endpoint& endpoint) const noexcept {
  const auto found = state_->firsts.find(&endpoint);
  if (found == state_->firsts.end()) return false;
  // IPv6 addresses have none before them, so this asks no further.
  const auto takes_requests = [this](const Endpoint* first) {
    return first->state() == EndpointState::ready && first->weight() != 0 && first->health().in() &&
           !is_last_choice(*first);
  };
  return std::ranges::any_of(found->second, [&](const Cluster::State::Firsts& of_name) {
    return std::ranges::any_of(*of_name, takes_requests);
  });
}

bool WorkerView::has_first_choice(const Tried& tried, const Endpoint& but,
                                  bool may_panic) const noexcept {
  return std::ranges::any_of(choice_.endpoints(), [&](const Endpoint* at) {
    return at != &but && !is_last_choice(*at) && !tried.contains(*at) &&
           (may_panic || at->health().in());
  });
}

void WorkerView::probe(Endpoint& endpoint) noexcept {
  Endpoint::Slot& slot = endpoint.slot(worker_);
  if (!keeps() || slot.detached || !endpoint.backoff_.claim()) return;
  try {
    ConnectProbe::Owner& owner = *this;
    if (!slot.probe) slot.probe = std::make_unique<ConnectProbe>(loop_, owner, endpoint);
  } catch (const std::bad_alloc&) {
    return endpoint.backoff_.release();
  }
  slot.probe->begin(deadline_after(loop_.now(), state_->settings.connect_timeout));
}

void WorkerView::probed(Endpoint& endpoint, std::unique_ptr<net::Stream> stream,
                        const Error* failure) noexcept {
  const TimePoint began = endpoint.slot(worker_).probe->began();
  if (failure != nullptr) {
    Error why = error_of(failure->reason, failure->side, failure->detail);
    (void)cluster_.judge(endpoint, began, loop_.now(), std::unexpected(std::move(why)));
  } else if (stream != nullptr && (state_->settings.tls || multiplexes(endpoint))) {
    // There is more to a connection: a request tries that.
    endpoint.backoff_.answers();
  } else if (stream != nullptr) {
    try {
      const Deadline ends = end_of_age(loop_.now(), state_->settings.pool.connection_age);
      keep(endpoint, std::make_unique<Connection>(std::move(stream), tls_changes_, ends));
    } catch (const std::bad_alloc&) {
      // Closed, then; it has shown what it was made for.
    }
    (void)cluster_.judge(endpoint, began, loop_.now(), {});
  }
  endpoint.backoff_.release();
  cluster_.standing_changed();
}

void WorkerView::keep(Endpoint& endpoint, std::unique_ptr<Connection> connection) noexcept {
  Endpoint::Slot& slot = endpoint.slot(worker_);
  if (!keeps() || slot.detached || endpoint.state() != EndpointState::ready ||
      connection->made_under() != tls_changes_) {
    return tell_retired(connection->stream().id(), "its endpoint or its TLS settings changed");
  }
  slot.idle.put(std::move(connection), loop_.now(), state_->settings.idle_timeout, limit_);
}

bool WorkerView::any(const Tried& tried, const Caller& caller) const noexcept {
  return std::ranges::any_of(choice_.endpoints(),
                             [&](const Endpoint* at) { return may_use(*at, tried, caller); });
}

std::uint64_t WorkerView::permits() const noexcept {
  if (!measures_) return limit_ * choice_.endpoints().size();
  std::uint64_t sum = 0;
  for (const Endpoint* at : choice_.endpoints()) sum += limit_of(*at);
  return sum;
}

std::uint64_t WorkerView::in_flight() const noexcept {
  std::uint64_t sum = 0;
  for (const Endpoint* at : choice_.endpoints()) sum += at->in_flight();
  return sum;
}

bool WorkerView::usable(const Endpoint& endpoint) const noexcept {
  return endpoint.slot(worker_).in_use && endpoint.state() == EndpointState::ready &&
         endpoint.in_flight() <= limit_of(endpoint);
}

class WorkerView::CanUse {
 public:
  CanUse(const WorkerView& view, const Endpoint& endpoint) noexcept
      : view_(view),
        endpoint_(endpoint),
        healthy_(endpoint.health().in()),
        last_choice_(view.is_last_choice(endpoint)) {}

  bool operator()(const Pending& pending) const noexcept {
    if (pending.tried.contains(endpoint_)) return false;
    if (!pending.may_panic && !healthy_) return false;
    // Waits for a better one.
    return !last_choice_ || !view_.has_first_choice(pending.tried, endpoint_, pending.may_panic);
  }

 private:
  const WorkerView& view_;
  const Endpoint& endpoint_;
  const bool healthy_;
  const bool last_choice_;
};

Pending* WorkerView::first_for(const Endpoint& endpoint) const noexcept {
  return pending_.oldest_of(CanUse(*this, endpoint));
}

TimePoint WorkerView::oldest_for(const Endpoint& endpoint) const noexcept {
  const Pending* const pending = first_for(endpoint);
  return pending != nullptr ? pending->since : TimePoint::max();
}

bool WorkerView::grant(Endpoint& endpoint) noexcept {
  Pending* const pending = pending_.take(loop_.now(), CanUse(*this, endpoint));
  if (pending == nullptr) return false;
  publish_queue();
  cluster_.waiting_.fetch_sub(1);
  pending->lease.emplace(Lease::Maker(), cluster_, endpoint, worker_);
  pending->waiter.notify();
  return true;
}

void WorkerView::serve_pending() noexcept {
  if (!has_pending()) return;
  for (Endpoint* const endpoint : choice_.endpoints()) {
    while (has_room(*endpoint) && first_for(*endpoint) != nullptr &&
           endpoint->take_permit(limit_of(*endpoint))) {
      grant(*endpoint);
    }
  }
}

void WorkerView::standing_changed() noexcept {
  if (!has_pending()) return;
  try_refresh();
  serve_pending();
}

void WorkerView::enqueue(Pending& pending) noexcept {
  pending_.add(pending, loop_.now());
  publish_queue();
}

void WorkerView::dequeue(Pending& pending) noexcept {
  pending_.remove(pending, loop_.now());
  publish_queue();
  cluster_.waiting_.fetch_sub(1);
}

bool WorkerView::push_out(std::size_t most) noexcept {
  Pending* const pending = pending_.last_of_longest(most);
  if (pending == nullptr) return false;
  dequeue(*pending);
  pending->waiter.notify();
  return true;
}

void WorkerView::publish_queue() noexcept {
  oldest_.store(pending_.oldest().time_since_epoch().count());
  newest_first_.store(pending_.newest_first(), std::memory_order_relaxed);
  const std::size_t keys = pending_.keys();
  const std::uint64_t crowd = keys == 0 ? 0 : std::uint64_t{pending_.size()} << 32 | keys;
  crowd_.store(crowd, std::memory_order_relaxed);
}

void WorkerView::forget(const Endpoint& endpoint) noexcept {
  std::erase_if(detached_, [&](const auto& at) { return at.get() == &endpoint; });
}

void WorkerView::leave() noexcept {
  left_ = true;
  unschedule();
  if (!state_) return;
  const auto close = [this](const auto& endpoint) {
    Endpoint::Slot& slot = endpoint->slot(worker_);
    slot.clear();
    // The loop, whose wheel it uses, may go before the endpoint.
    if (slot.leases == 0) slot.sessions.reset();
  };
  std::ranges::for_each(state_->endpoints, close);
  std::ranges::for_each(detached_, close);
}

}  // namespace weir::upstream
