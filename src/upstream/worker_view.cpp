#include "upstream/worker_view.hpp"

#include <algorithm>
#include <utility>

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
  seen_ = cluster_.generation_.load(std::memory_order_acquire);
  const std::shared_ptr<const Cluster::State> before = std::exchange(state_, cluster_.state());

  std::vector<std::shared_ptr<Endpoint>> perhaps_gone = std::exchange(detached_, {});
  if (before) {
    perhaps_gone.insert(perhaps_gone.end(), before->endpoints.begin(), before->endpoints.end());
  }
  for (const auto& endpoint : perhaps_gone) endpoint->slot(worker_).detached = true;
  for (const auto& endpoint : state_->endpoints) endpoint->slot(worker_).detached = false;
  for (auto& endpoint : perhaps_gone) {
    Endpoint::Slot& slot = endpoint->slot(worker_);
    if (!slot.detached) continue;
    slot.clear();
    if (slot.leases != 0) detached_.push_back(std::move(endpoint));
  }

  choice_.clear();
  std::vector<std::uint32_t> weights;
  const bool other_tls = before && before->tls != state_->tls;
  if (other_tls) ++tls_changes_;
  for (const auto& endpoint : state_->endpoints) {
    // Made under what holds no more: another certificate, or none.
    if (other_tls) endpoint->slot(worker_).clear();
    const bool ready = endpoint->state() == EndpointState::ready;
    if (!ready || !keeps()) endpoint->slot(worker_).clear();
    if (SessionPool* const sessions = endpoint->slot(worker_).sessions.get()) configure(*sessions);
    const std::uint32_t weight = endpoint->weight();
    if (!ready || weight == 0) continue;
    choice_.push_back(endpoint.get());
    weights.push_back(weight);
  }
  preferred_ = nullptr;
  limit_ = state_->settings.pool.in_flight;
  balancing_ = state_->settings.load_balancer;
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
  serve_pending();
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

Endpoint* WorkerView::pick(const Tried& tried) {
  const auto eligible = [&](const Endpoint& endpoint) {
    return endpoint.in_flight() < limit_ && !tried.contains(endpoint);
  };
  Endpoint* const preferred = std::exchange(preferred_, nullptr);
  if (preferred != nullptr && eligible(*preferred)) return preferred;
  const auto eligible_at = [&](std::size_t i) { return eligible(*choice_[i]); };
  const auto load_at = [&](std::size_t i) { return choice_[i]->in_flight(); };
  std::optional<std::size_t> chosen;
  switch (balancing_) {
    case config::LoadBalancing::round_robin:
      chosen = round_robin_.pick(eligible_at);
      break;
    case config::LoadBalancing::least_requests:
      chosen = least_requests_.pick(eligible_at, load_at);
      break;
    case config::LoadBalancing::random_two:
      chosen = random_two_.pick(eligible_at, load_at);
      break;
  }
  return chosen ? choice_[*chosen] : nullptr;
}

bool WorkerView::any(const Tried& tried) const noexcept {
  return std::ranges::any_of(choice_, [&](const Endpoint* at) { return !tried.contains(*at); });
}

bool WorkerView::usable(const Endpoint& endpoint) const noexcept {
  return !endpoint.slot(worker_).detached && endpoint.state() == EndpointState::ready &&
         endpoint.weight() != 0 && endpoint.in_flight() <= limit_;
}

bool WorkerView::grant(Endpoint& endpoint) noexcept {
  for (Pending* pending = first_; pending != nullptr; pending = pending->next_) {
    if (pending->waiter.cancelled() || pending->tried.contains(endpoint)) continue;
    dequeue(*pending);
    pending->lease.emplace(Lease(cluster_, endpoint, worker_));
    pending->waiter.notify();
    return true;
  }
  return false;
}

void WorkerView::serve_pending() noexcept {
  if (!has_pending()) return;
  for (Endpoint* endpoint : choice_) {
    while (has_pending() && endpoint->take_permit(limit_)) {
      if (grant(*endpoint)) continue;
      // Nobody here wants it; others may wait for it by now.
      cluster_.release_permit(*endpoint, worker_, cluster_.workers_.size());
      break;
    }
  }
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
