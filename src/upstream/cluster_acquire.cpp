// The workers' side of Cluster: from the balancer's choice to a lease, and what becomes of a permit
// that is returned.
#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "upstream/client_shares.hpp"
#include "upstream/waiting.hpp"
#include "upstream/worker_view.hpp"
#include "weir/base/chance.hpp"
#include "weir/control/retry_backoff.hpp"
#include "weir/upstream/cluster.hpp"

namespace weir::upstream {
bool Cluster::take_client_place(const WorkerView& view, const Caller& caller, ClientPlace& place) {
  const double share = view.settings().pool.client_share;
  if (share == 0 || !caller.client.valid()) [[likely]]
    return true;
  // With no endpoint that is what is wrong.
  if (view.permits() == 0) return true;
  const auto most = static_cast<std::uint64_t>(static_cast<double>(view.permits()) * share);
  if (!clients_->enter(caller.client, std::max<std::uint64_t>(1, most))) return false;
  place = ClientPlace(*clients_, caller.client);
  return true;
}

std::optional<Lease> Cluster::try_acquire(unsigned worker, const Tried& tried,
                                          const Caller& caller) {
  // What is returned, by whichever way.
  std::optional<Lease> lease;
  WorkerView& view = this->view(worker);
  view.refresh();
  // Those who wait come first.
  if (tried.fresh || tried.tunnel || view.has_pending()) return lease;
  ClientPlace place;
  if (!take_client_place(view, caller, place)) return lease;
  Endpoint* const endpoint = view.pick(tried, caller);
  if (endpoint == nullptr) return lease;
  Endpoint::Slot& slot = endpoint->slot(worker);
  PooledSession* session = nullptr;
  bool is_there = false;
  if (view.multiplexes(*endpoint)) {
    if (slot.sessions) session = slot.sessions->try_take(false);
    is_there = session != nullptr;
  } else {
    is_there = slot.idle.has_any(view.loop().now());
  }
  if (!is_there || !endpoint->take_permit(view.limit_of(*endpoint))) {
    if (session != nullptr) slot.sessions->give_back(*session);
    view.prefer(*endpoint);
    return lease;
  }
  lease.emplace(Lease::Maker(), *this, *endpoint, worker);
  if (session != nullptr) {
    lease->set_session(*session);
  } else {
    lease->set_connection(slot.idle.take(view.loop().now()), true);
  }
  lease->hold_for(caller.client, std::move(place));
  return lease;
}

Task<Result<Lease>> Cluster::acquire(unsigned worker, Tried& tried, Deadline deadline,
                                     Caller caller) {
  WorkerView& view = this->view(worker);
  view.refresh();
  ClientPlace place;
  if (!take_client_place(view, caller, place)) {
    Error full{Reason::pool_full, Side::upstream, name_};
    full.sentence = "this client address has its whole share of the upstream's places";
    co_return std::unexpected(std::move(full));
  }
  std::optional<Error> last;
  Duration queued{};
  while (true) {
    if (is_cancelled(caller)) co_return std::unexpected(cancelled_error(caller));
    view.refresh();
    if (!view.any(tried, caller)) {
      if (last) co_return std::unexpected(std::move(*last));
      co_return fail(Reason::no_healthy_endpoint, Side::upstream, name_);
    }
    std::optional<Lease> lease;
    if (!view.has_pending()) {
      while (Endpoint* const endpoint = view.pick(tried, caller)) {
        // Another worker may take the last permit in between.
        if (!endpoint->take_permit(view.limit_of(*endpoint))) continue;
        lease.emplace(Lease::Maker(), *this, *endpoint, worker);
        break;
      }
    }
    if (!lease) {
      if (!tried.may_wait) co_return fail(Reason::pool_full, Side::upstream, name_);
      Result<Lease> granted = co_await wait_for_permit(worker, tried, deadline, caller);
      if (!granted) co_return std::unexpected(std::move(granted.error()));
      lease = std::move(*granted);
      queued += lease->queue_time;
    }
    lease->queue_time = queued;
    // It holds the client's place until it ends; one that comes to nothing hands it back.
    lease->hold_for(caller.client, std::move(place));
    Endpoint& endpoint = lease->endpoint();
    tried.connecting = {endpoint.id(), view.loop().now()};
    Result<> connected;
    const Deadline within =
        std::min(deadline, deadline_after(view.loop().now(), tried.connect_limit));
    if (view.multiplexes(endpoint)) {
      connected = co_await take_place(*lease, tried, within, caller);
      if (!connected && connected.error().reason == Reason::pool_full) {
        co_return std::unexpected(std::move(connected.error()));
      }
      if (connected && tried.tunnel && lease->carries_no_tunnel() &&
          view.settings().protocol == config::UpstreamProtocol::automatic) {
        lease->leave_session();
        connected = co_await connect(*lease, Speak::http1, tried, within, caller);
      }
    } else {
      if (!tried.fresh) {
        if (auto idle = endpoint.slot(worker).idle.take(view.loop().now())) {
          lease->set_connection(std::move(idle), true);
          co_return std::move(*lease);
        }
      }
      connected = co_await connect(*lease, Speak::as_agreed, tried, within, caller);
    }
    if (connected) co_return std::move(*lease);
    place = lease->hand_back_place();
    queued = lease->queue_time;
    last = std::move(connected.error());
    tried.connecting = {};
    tried.add(endpoint);
    tried.connect_failures.push_back(
        {endpoint.shared_from_this(), last->reason, lease->connect_time});
    if (is_cancelled(caller) || view.loop().now() >= deadline) {
      co_return std::unexpected(std::move(*last));
    }
    if (tried.goes_on() && view.any(tried, caller)) {
      --tried.connects_left;
      continue;
    }
    // The permit is nobody's during the pause.
    lease.reset();
    view.refresh();
    // What fails in our own process says nothing of the endpoint.
    const bool only = tried.size() == 1 && !view.any(tried, caller) && last->side != Side::internal;
    if (!only || !std::exchange(tried.once_more, false)) {
      co_return std::unexpected(std::move(*last));
    }
    const bool paused = co_await pause_before_last(view, deadline, caller);
    if (is_cancelled(caller)) co_return std::unexpected(cancelled_error(caller));
    if (!paused) co_return std::unexpected(std::move(*last));
    tried.forget();
  }
}

Task<bool> Cluster::pause_before_last(const WorkerView& view, Deadline deadline,
                                      const Caller& caller) {
  net::Loop& loop = view.loop();
  const Deadline until = loop.now() + control::pause_before_last(chance());
  if (until >= deadline) co_return false;
  net::Waiter waiter(loop);
  const OnCancel stop(caller.scope, [&](Reason) noexcept { waiter.cancel(); });
  co_await waiter.wait(until);
  co_return waiter.result() == net::Wake::timeout;
}

bool Cluster::has_untried(unsigned worker, const Tried& tried, const Caller& caller) {
  WorkerView& view = this->view(worker);
  view.refresh();
  return view.any(tried, caller);
}

std::uint64_t Cluster::requests_in_flight(unsigned worker) { return view(worker).in_flight(); }

bool Cluster::begin_waiting(std::uint64_t most) noexcept {
  std::uint64_t now = waiting_.load();
  while (now < most) {
    if (waiting_.compare_exchange_weak(now, now + 1)) return true;
  }
  return false;
}

Task<Result<Lease>> Cluster::wait_for_permit(unsigned worker, const Tried& tried, Deadline deadline,
                                             const Caller& caller) {
  WorkerView& view = this->view(worker);
  const config::Pool& pool = view.settings().pool;
  if (!begin_waiting(pool.pending) && !(pool.fair && make_room(worker, caller))) {
    co_return fail(Reason::pool_full, Side::upstream, name_);
  }
  const Deadline until =
      std::min(deadline, deadline_after(view.loop().now(), pool.pending_timeout));
  Pending pending(view, tried, caller);
  arrivals_.fetch_add(1);
  // Only now does everybody who returns a permit see this one: what was free before is looked for
  // again.
  view.serve_pending();
  if (!pending.lease) {
    const OnCancel stop(caller.scope, [&](Reason) noexcept { pending.cancel(); });
    co_await pending.waiter.wait(until);
  }
  const TimePoint now = view.loop().now();
  if (is_cancelled(caller)) co_return std::unexpected(cancelled_error(caller));
  if (pending.lease) {
    pending.lease->queue_time = now - pending.since;
    co_return std::move(*pending.lease);
  }
  if (now >= deadline) co_return fail(Reason::request_timeout, Side::upstream, name_);
  co_return fail(Reason::pool_full, Side::upstream, name_);
}

void Cluster::release_permit(Endpoint& endpoint, unsigned worker, const Visited* seen) noexcept {
  while (true) {
    const std::uint64_t arrivals = arrivals_.load();
    const std::uint64_t limit = view(worker).limit_of(endpoint);
    if (waiting_.load() != 0 && hand_over(endpoint, worker, seen)) return;
    endpoint.drop_permit();
    // Who came after the look above, or sees a limit that has grown since, has found the permit
    // free, or is seen here.
    const std::uint64_t now = view(worker).limit_of(endpoint);
    if ((arrivals_.load() == arrivals && now <= limit) || !endpoint.take_permit(now)) return;
    seen = nullptr;
  }
}

std::size_t Cluster::longest_waiting(unsigned worker, TimePoint oldest_here,
                                     const Visited* seen) const noexcept {
  // Within this time of each other, those who wait here are taken before those elsewhere.
  constexpr Duration near = std::chrono::milliseconds(5);
  std::size_t target = worker;
  TimePoint longest = oldest_here != TimePoint::max() ? oldest_here - near : oldest_here;
  for (std::size_t other = 0; other < views_.size(); ++other) {
    if (other == worker || views_[other]->oldest() >= longest) continue;
    if (seen != nullptr && seen->test(other)) continue;
    longest = views_[other]->oldest();
    target = other;
  }
  return target;
}

// Each worker as often as it has callers that wait.
std::size_t Cluster::next_by_keys(unsigned worker, bool somebody_here,
                                  const Visited* seen) noexcept {
  const auto keys_of = [&](std::size_t other) -> std::uint64_t {
    if (other == worker ? !somebody_here : seen != nullptr && seen->test(other)) return 0;
    return views_[other]->crowd().keys;
  };
  std::uint64_t all = 0;
  for (std::size_t other = 0; other < views_.size(); ++other) all += keys_of(other);
  if (all == 0) return worker;
  std::uint64_t turn = turns_.fetch_add(1, std::memory_order_relaxed) % all;
  std::size_t last = worker;
  for (std::size_t other = 0; other < views_.size(); ++other) {
    const std::uint64_t keys = keys_of(other);
    if (turn < keys) return other;
    turn -= keys;
    if (keys != 0) last = other;
  }
  // Some have left meanwhile; those who are still there must not be passed over.
  return last;
}

bool Cluster::hand_over(Endpoint& endpoint, unsigned worker, const Visited* seen) noexcept {
  WorkerView& here = view(worker);
  if (!here.usable(endpoint)) return false;
  // Who waits here but cannot use this permit is no reason to keep it from others.
  const TimePoint oldest = here.oldest_for(endpoint);
  const bool somebody_here = oldest != TimePoint::max();
  const std::size_t target = here.settings().pool.fair ? next_by_keys(worker, somebody_here, seen)
                                                       : longest_waiting(worker, oldest, seen);
  if (target == worker) return here.grant(endpoint);
  try {
    Visited visited = seen != nullptr ? *seen : Visited();
    if (!somebody_here) visited.set(worker);
    workers_[target]->mailbox().post([self = shared_from_this(),
                                      permit = endpoint.shared_from_this(), visited,
                                      to = static_cast<unsigned>(target)]() mutable {
      self->view(to).try_refresh();
      if (self->view(to).usable(*permit) && self->view(to).grant(*permit)) return;
      visited.set(to);
      self->release_permit(*permit, to, &visited);
    });
    return true;
  } catch (const std::bad_alloc&) {
    return here.grant(endpoint);
  }
}

// The queue is full: who has fewer requests in it than others takes the place of one of theirs.
bool Cluster::make_room(unsigned worker, const Caller& caller) noexcept {
  // So many may be beyond the limit, until those that go for them have heard of it.
  constexpr std::uint64_t most_beyond = 64;
  WorkerView& here = view(worker);
  const std::uint64_t pending = here.settings().pool.pending;
  // After the exchange it has no more than the other.
  const std::size_t most = here.waiting_of(caller.fair) + 1;
  if (here.push_out(most)) return begin_waiting(pending);
  std::size_t target = workers_.size();
  double fullest = static_cast<double>(most);
  for (std::size_t other = 0; other < views_.size(); ++other) {
    const WorkerView::Crowd crowd = views_[other]->crowd();
    if (other == worker || crowd.keys == 0) continue;
    const double each = static_cast<double>(crowd.waiting) / crowd.keys;
    if (each <= fullest) continue;
    fullest = each;
    target = other;
  }
  if (target == workers_.size() || !begin_waiting(pending + most_beyond)) return false;
  try {
    workers_[target]->mailbox().post(
        [self = shared_from_this(), most, pending, to = static_cast<unsigned>(target)] {
          if (self->waiting_.load() > pending) self->view(to).push_out(most);
        });
  } catch (const std::bad_alloc&) {
    waiting_.fetch_sub(1);
    return false;
  }
  return true;
}

void Cluster::heed_try(unsigned worker, const Endpoint& endpoint,
                       const TryOutcome& outcome) noexcept {
  const WorkerView& here = view(worker);
  here.tell_outcome(endpoint, outcome);
  if (here.measures()) [[unlikely]] {
    EndpointLimit* const limit = endpoint.measured_limit();
    const TimePoint now = here.loop().now();
    const bool grew =
        limit != nullptr && limit->tried(now, endpoint.in_flight(), outcome, probe_turn_);
    if (grew) standing_changed();
  }
  if (heads_.watched() && outcome.end == control::CallEnd::answered) [[unlikely]]
    heads_.add(worker, workers_[worker]->now(), outcome.head);
  if (outliers_.on() && outcome.end != control::CallEnd::unknown) [[unlikely]] {
    const bool failed = outcome.end != control::CallEnd::answered ||
                        (outcome.status >= 502 && outcome.status <= 504);
    if (!outliers_.tried(endpoint.outlier_, failed)) return;
    try {
      eject(endpoint, workers_[worker]->now());
    } catch (const std::bad_alloc&) {
      // The next error tries again.
    }
  }
}

void Cluster::leave(unsigned worker) noexcept { view(worker).leave(); }

}  // namespace weir::upstream
