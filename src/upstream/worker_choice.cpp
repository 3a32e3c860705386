#include "upstream/worker_choice.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "weir/control/slow_start.hpp"

namespace weir::upstream {
namespace {

// Where each of `now` was in `before`; most of them at the same place.
std::vector<std::size_t> places_of(std::span<Endpoint* const> now,
                                   std::span<Endpoint* const> before) {
  std::vector<std::size_t> out;
  out.reserve(now.size());
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (i < before.size() && before[i] == now[i]) {
      out.push_back(i);
      continue;
    }
    const auto place = std::ranges::find(before, now[i]);
    out.push_back(place != before.end() ? static_cast<std::size_t>(place - before.begin())
                                        : control::is_new);
  }
  return out;
}

}  // namespace

bool WorkerChoice::contains(const Endpoint* endpoint) const noexcept {
  return std::ranges::find(endpoints_, endpoint) != endpoints_.end();
}

void WorkerChoice::change(const config::LoadBalancer& settings,
                          std::span<const std::shared_ptr<Endpoint>> endpoints, std::uint64_t seed,
                          TimePoint now) {
  const std::vector<Endpoint*> before = std::exchange(endpoints_, {});
  try {
    const std::vector<EndpointTier> tiers = tiers_of(endpoints, settings.panic_threshold);
    for (const auto& endpoint : endpoints) {
      if (is_in_use(*endpoint, tiers)) endpoints_.push_back(endpoint.get());
    }
    std::ranges::stable_sort(endpoints_, {}, &Endpoint::priority);
    make_tiers(settings, tiers, before, seed, now);
  } catch (const std::bad_alloc&) {
    endpoints_.clear();
    tiers_.clear();
    throw;
  }
}

void WorkerChoice::make_tiers(const config::LoadBalancer& settings,
                              std::span<const EndpointTier> tiers,
                              std::span<Endpoint* const> before, std::uint64_t seed,
                              TimePoint now) {
  const bool same_policy = std::exchange(policy_, settings.policy) == settings.policy;
  bounded_load_ = settings.bounded_load;
  next_growth_ = no_deadline;
  panics_ = false;
  std::vector<Tier> old = std::exchange(tiers_, {});
  std::vector<control::TierShare> shares;
  std::size_t at = 0;
  for (const EndpointTier& each : tiers) {
    panics_ |= each.traffic.panic;
    const std::size_t begin = at;
    while (at < endpoints_.size() && endpoints_[at]->priority() == each.priority) ++at;
    // A tier without anybody has no share, or nobody has one.
    if (at == begin) continue;
    shares.push_back(each.traffic);
    Tier& tier = tiers_.emplace_back();
    tier.priority = each.priority;
    tier.begin = begin;
    tier.size = at - begin;
    const std::vector<std::uint32_t> weights = weights_of(tier, settings.slow_start, now);
    const auto was = std::ranges::find(old, each.priority, &Tier::priority);
    if (same_policy && was != old.end()) {
      const std::vector<std::size_t> places =
          places_of({endpoints_.data() + begin, tier.size}, before.subspan(was->begin, was->size));
      if (std::ranges::any_of(places, [](std::size_t i) { return i != control::is_new; })) {
        tier.balancers = std::move(was->balancers);
        change_balancer(tier, weights, places);
        continue;
      }
    }
    set_balancer(tier, weights, seed);
  }
  // Tiers that have gone and come do not begin their turns anew.
  old.empty() ? turns_.reset(shares, worker_, workers_) : turns_.change(shares);
}

std::vector<std::uint32_t> WorkerChoice::weights_of(const Tier& tier, Duration slow_start,
                                                    TimePoint now) {
  const control::SlowStart growing(slow_start);
  const std::span<Endpoint* const> here(endpoints_.data() + tier.begin, tier.size);
  const bool some_grow = std::ranges::any_of(here, [&](const Endpoint* endpoint) {
    return growing.percent(endpoint->in_use_since(), now) != 100;
  });
  // SRV records and added up weights may be large: those are in percent as they are.
  constexpr std::uint32_t largest = std::numeric_limits<std::uint32_t>::max() / 100;
  const bool some_large = std::ranges::any_of(
      here, [](const Endpoint* endpoint) { return endpoint->weight() > largest; });
  std::vector<std::uint32_t> out;
  out.reserve(here.size());
  for (const Endpoint* const endpoint : here) {
    const TimePoint since = endpoint->in_use_since();
    next_growth_ = std::min(next_growth_, growing.next_step(since, now));
    // In percent only while that makes a difference.
    const std::uint32_t percent = growing.percent(since, now);
    const std::uint32_t weight = endpoint->weight();
    if (!some_grow) {
      out.push_back(weight);
    } else if (some_large) {
      out.push_back(std::max<std::uint32_t>(1, weight / 100 * percent));
    } else {
      out.push_back(weight * percent);
    }
  }
  return out;
}

void WorkerChoice::set_hash(Tier& tier, std::span<const std::uint32_t> weights) const {
  std::vector<std::uint64_t> ids;
  ids.reserve(tier.size);
  for (std::size_t i = 0; i < tier.size; ++i) {
    ids.push_back(control::ConsistentHash::id_of(endpoints_[tier.begin + i]->address()));
  }
  tier.balancers.hash.reset(weights, ids);
}

void WorkerChoice::set_balancer(Tier& tier, std::span<const std::uint32_t> weights,
                                std::uint64_t seed) const {
  switch (policy_) {
    case config::LoadBalancing::round_robin:
      return tier.balancers.round_robin.reset(weights, worker_, workers_);
    case config::LoadBalancing::least_requests:
      return tier.balancers.least_requests.reset(weights, worker_, workers_);
    case config::LoadBalancing::random_two:
      return tier.balancers.random_two.reset(weights, seed * workers_ + worker_);
    case config::LoadBalancing::peak_ewma:
      return tier.balancers.peak_ewma.reset(weights, worker_, workers_);
    case config::LoadBalancing::hash:
      set_hash(tier, weights);
      return tier.balancers.least_requests.reset(weights, worker_, workers_);
  }
}

void WorkerChoice::change_balancer(Tier& tier, std::span<const std::uint32_t> weights,
                                   control::Places places) const {
  switch (policy_) {
    case config::LoadBalancing::round_robin:
      return tier.balancers.round_robin.change(weights, places);
    case config::LoadBalancing::least_requests:
      return tier.balancers.least_requests.change(weights, places);
    case config::LoadBalancing::random_two:
      return tier.balancers.random_two.change(weights);
    case config::LoadBalancing::peak_ewma:
      return tier.balancers.peak_ewma.change(weights, places);
    case config::LoadBalancing::hash:
      set_hash(tier, weights);
      return tier.balancers.least_requests.change(weights, places);
  }
}

// A caller with a key has a place of its own, so that it keeps its tier as long as shares are the
// same.
std::size_t WorkerChoice::first_tier(const Caller& caller, control::Turn turn) noexcept {
  if (tiers_.size() < 2) [[likely]]
    return 0;
  if (is_by_key(caller)) {
    return turns_.at_place(static_cast<std::uint32_t>(*caller.key >> 32));
  }
  return turns_.next(turn == control::Turn::moves);
}

void WorkerChoice::tried(const Endpoint& endpoint, const TryOutcome& outcome,
                         TimePoint now) const noexcept {
  if (policy_ != config::LoadBalancing::peak_ewma) [[likely]]
    return;
  control::PeakLatency& latency = endpoint.slot(worker_).latency;
  switch (outcome.end) {
    case control::CallEnd::answered:
      if (outcome.status >= 500) return latency.failed(now, outcome.head);
      return latency.answered(now, outcome.head);
    case control::CallEnd::connect:
    case control::CallEnd::reset:
    case control::CallEnd::timeout:
      return latency.failed(now, outcome.head);
    case control::CallEnd::unknown:
      break;
  }
}

}  // namespace weir::upstream
