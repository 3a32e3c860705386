#include "upstream/worker_view.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "upstream/debug_steps.hpp"

namespace weir::upstream {

Pending::Pending(WorkerView& view, const Tried& wanted) noexcept
    : waiter(view.loop()), tried(wanted), since(view.loop().now()), view_(view) {
  view_.enqueue(*this);
}

Pending::~Pending() {
  if (queued_) view_.dequeue(*this);
}

WorkerView::WorkerView(Cluster& cluster, net::Loop& loop, unsigned worker)
    : cluster_(cluster), loop_(loop), worker_(worker) {}

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
  std::vector<Endpoint*> choice;
  choice.reserve(next->endpoints.size());

  seen_ = generation;
  const std::shared_ptr<const Cluster::State> before = std::exchange(state_, std::move(next));
  for (const auto& endpoint : perhaps_gone) endpoint->slot(worker_).detached = true;
  for (const auto& endpoint : state_->endpoints) endpoint->slot(worker_).detached = false;
  for (auto& endpoint : perhaps_gone) {
    Endpoint::Slot& slot = endpoint->slot(worker_);
    if (!slot.detached) continue;
    slot.clear();
    if (slot.leases != 0) detached.push_back(std::move(endpoint));
  }
  detached_ = std::move(detached);

  const std::vector<Endpoint*> chosen_before = std::exchange(choice_, std::move(choice));
  const bool other_tls = before && before->tls != state_->tls;
  if (other_tls) ++tls_changes_;
  for (const auto& endpoint : state_->endpoints) {
    // Made under what holds no more: another certificate, or none.
    if (other_tls) endpoint->slot(worker_).clear();
    const bool ready = endpoint->state() == EndpointState::ready;
    if (!ready || !keeps()) endpoint->slot(worker_).clear();
    if (SessionPool* const sessions = endpoint->slot(worker_).sessions.get()) configure(*sessions);
    if (!ready || endpoint->weight() == 0 || !endpoint->health().in()) continue;
    choice_.push_back(endpoint.get());
  }
  if (std::ranges::find(choice_, preferred_) == choice_.end()) preferred_ = nullptr;
  limit_ = state_->settings.pool.in_flight;
  try {
    change_balancer(chosen_before);
  } catch (const std::bad_alloc&) {
    // Its turns are not those of choice_: the next refresh() begins them anew.
    choice_.clear();
    seen_ = 0;
    throw;
  }
  serve_pending();
}

// Endpoints that stay keep their turn: changes that come often must not favour any of them.
void WorkerView::change_balancer(std::span<Endpoint* const> before) {
  std::vector<std::uint32_t> weights;
  std::vector<std::size_t> places;
  bool some_stay = false;
  for (Endpoint* const endpoint : choice_) {
    weights.push_back(endpoint->weight());
    const auto place = std::ranges::find(before, endpoint);
    const bool stays = place != before.end();
    places.push_back(stays ? static_cast<std::size_t>(place - before.begin()) : control::is_new);
    some_stay |= stays;
  }
  const config::LoadBalancing policy = state_->settings.load_balancer;
  if (some_stay && std::exchange(balancing_, policy) == policy) {
    switch (balancing_) {
      case config::LoadBalancing::round_robin:
        return round_robin_.change(weights, places);
      case config::LoadBalancing::least_requests:
        return least_requests_.change(weights, places);
      case config::LoadBalancing::random_two:
        return random_two_.change(weights);
    }
  }
  balancing_ = policy;
  const auto workers = static_cast<unsigned>(cluster_.workers_.size());
  switch (balancing_) {
    case config::LoadBalancing::round_robin:
      round_robin_.reset(weights, worker_, workers);
      break;
    case config::LoadBalancing::least_requests:
      least_requests_.reset(weights, worker_, workers);
      break;
    case config::LoadBalancing::random_two:
      random_two_.reset(weights, seen_ * workers + worker_);
      break;
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

template <class Eligible>
std::optional<std::size_t> WorkerView::choose(Eligible&& eligible, control::Turn turn) {
  const auto load = [&](std::size_t i) { return choice_[i]->in_flight(); };
  switch (balancing_) {
    case config::LoadBalancing::round_robin:
      return round_robin_.pick(eligible, turn);
    case config::LoadBalancing::least_requests:
      return least_requests_.pick(eligible, load, turn);
    case config::LoadBalancing::random_two:
      return random_two_.pick(eligible, load);
  }
  return std::nullopt;
}

Endpoint* WorkerView::pick(const Tried& tried) {
  const auto eligible = [&](const Endpoint& endpoint) {
    return endpoint.in_flight() < limit_ && !tried.contains(endpoint);
  };
  Endpoint* const preferred = std::exchange(preferred_, nullptr);
  if (preferred != nullptr && eligible(*preferred)) return preferred;
  // Who comes here again after a connect that failed has had his turn: the next request shall not
  // meet the same endpoint for that.
  const control::Turn turn = tried.size() == 0 ? control::Turn::moves : control::Turn::stays;
  bool some_last = false;
  bool some_full = false;
  Endpoint* due = nullptr;
  const auto first_choice = [&](std::size_t i) {
    Endpoint& endpoint = *choice_[i];
    if (tried.contains(endpoint)) return false;
    if (is_last_choice(endpoint)) {
      some_last = true;
      if (endpoint.backoff_.standing(loop_.now()) == control::ConnectBackoff::Standing::due) {
        due = &endpoint;
      }
      return false;
    }
    if (endpoint.in_flight() < limit_) return true;
    some_full = true;
    return false;
  };
  std::optional<std::size_t> chosen = choose(first_choice, turn);
  if (chosen || some_full) {
    // This request is served by others, and finds out nothing by itself.
    if (due != nullptr) probe(*due);
  } else if (some_last) {
    chosen = choose([&](std::size_t i) { return eligible(*choice_[i]); }, turn);
  }
  return chosen ? choice_[*chosen] : nullptr;
}

bool WorkerView::is_last_choice(const Endpoint& endpoint) const noexcept {
  using Standing = control::ConnectBackoff::Standing;
  const Standing standing = endpoint.backoff_.standing(loop_.now());
  if (standing == Standing::good) [[likely]]
    return false;
  if (standing != Standing::untried) return true;
  // Somebody finds out. Who needs no connect does not wait for that.
  const Endpoint::Slot& slot = endpoint.slot(worker_);
  return endpoint.backoff_.claimed() && slot.idle.size() == 0 &&
         slot.sessions_idle.load(std::memory_order_relaxed) == 0 &&
         slot.sessions_active.load(std::memory_order_relaxed) == 0;
}

bool WorkerView::has_first_choice(const Tried& tried, const Endpoint& but) const noexcept {
  return std::ranges::any_of(choice_, [&](const Endpoint* at) {
    return at != &but && !is_last_choice(*at) && !tried.contains(*at);
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
      keep(endpoint, std::make_unique<Connection>(std::move(stream), tls_changes_));
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

bool WorkerView::any(const Tried& tried) const noexcept {
  return std::ranges::any_of(choice_, [&](const Endpoint* at) { return !tried.contains(*at); });
}

std::uint64_t WorkerView::in_flight() const noexcept {
  std::uint64_t sum = 0;
  for (const Endpoint* at : choice_) sum += at->in_flight();
  return sum;
}

bool WorkerView::usable(const Endpoint& endpoint) const noexcept {
  // What is no choice by its health gets no request that waited, either.
  return !endpoint.slot(worker_).detached && endpoint.state() == EndpointState::ready &&
         endpoint.weight() != 0 && endpoint.in_flight() <= limit_ &&
         std::ranges::find(choice_, &endpoint) != choice_.end();
}

Pending* WorkerView::first_for(const Endpoint& endpoint) const noexcept {
  const bool last_choice = is_last_choice(endpoint);
  for (Pending* pending = first_; pending != nullptr; pending = pending->next_) {
    if (pending->waiter.cancelled() || pending->tried.contains(endpoint)) continue;
    // Waits for a better one.
    if (last_choice && has_first_choice(pending->tried, endpoint)) continue;
    return pending;
  }
  return nullptr;
}

TimePoint WorkerView::oldest_for(const Endpoint& endpoint) const noexcept {
  const Pending* const pending = first_for(endpoint);
  return pending != nullptr ? pending->since : TimePoint::max();
}

bool WorkerView::grant(Endpoint& endpoint) noexcept {
  Pending* const pending = first_for(endpoint);
  if (pending == nullptr) return false;
  dequeue(*pending);
  pending->lease.emplace(Lease(cluster_, endpoint, worker_));
  pending->waiter.notify();
  return true;
}

void WorkerView::serve_pending() noexcept {
  if (!has_pending()) return;
  for (Endpoint* endpoint : choice_) {
    while (endpoint->in_flight() < limit_ && first_for(*endpoint) != nullptr &&
           endpoint->take_permit(limit_)) {
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
  pending.previous_ = last_;
  (last_ != nullptr ? last_->next_ : first_) = &pending;
  last_ = &pending;
  pending.queued_ = true;
  publish_oldest();
}

void WorkerView::dequeue(Pending& pending) noexcept {
  (pending.previous_ != nullptr ? pending.previous_->next_ : first_) = pending.next_;
  (pending.next_ != nullptr ? pending.next_->previous_ : last_) = pending.previous_;
  pending.queued_ = false;
  publish_oldest();
  cluster_.waiting_.fetch_sub(1);
}

void WorkerView::publish_oldest() noexcept {
  const TimePoint since = first_ != nullptr ? first_->since : TimePoint::max();
  oldest_.store(since.time_since_epoch().count());
}

void WorkerView::forget(const Endpoint& endpoint) noexcept {
  std::erase_if(detached_, [&](const auto& at) { return at.get() == &endpoint; });
}

void WorkerView::leave() noexcept {
  left_ = true;
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
